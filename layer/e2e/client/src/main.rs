//! Reads a secret and a parameter the way the crate's documentation tells, and prints what a caller may see, one
//! value a line: the secret's user name, by name, by stage and by ARN, and the parameter with its version.
//!
//! Usage: client SECRET-NAME SECRET-ARN PARAMETER-NAME

use aws_parameters_and_secrets_lambda::{ManagerBuilder, QueryBuilder};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, name, arn, parameter] = arguments.as_slice() else {
        panic!("usage: client SECRET-NAME SECRET-ARN PARAMETER-NAME");
    };
    let manager = ManagerBuilder::new().build().expect("no session token");

    let by_stage = QueryBuilder::new(name).with_version_stage("AWSCURRENT");
    for secret in [
        manager.get_secret(name),
        manager.get_secret(by_stage),
        manager.get_secret(arn),
    ] {
        println!(
            "{}",
            secret
                .get_single("username")
                .await
                .expect("reading the secret")
        );
    }

    let read = manager
        .get_parameter(parameter, true)
        .get_as_full_extension_response()
        .await;
    let read = read.expect("reading the parameter").parameter;
    println!("{}\n{}", read.value, read.version);
}
