module larder

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2 v1.48.0
	github.com/aws/aws-sdk-go-v2/credentials v1.20.16
	github.com/aws/aws-sdk-go-v2/service/secretsmanager v1.49.0 // pinned: from v1.50.0 on it builds schema objects at package init, 0.2 ms and 0.14 MB of each start
	github.com/aws/aws-sdk-go-v2/service/ssm v1.79.3 // pinned: newer ones build 7,883 schema objects at package init, 2 ms of each start
	github.com/aws/smithy-go v1.28.9
	github.com/hashicorp/golang-lru/v2 v2.0.7
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2 // of the tests alone: not in the executable
	github.com/valyala/fasthttp v1.73.0 // pinned: from v1.74.0 on it links a brotli encoder, 0.15 ms of each start and 0.2 MB
	golang.org/x/sync v0.24.0
)

require (
	github.com/andybalholm/brotli v1.2.2 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.11 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.11 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	golang.org/x/text v0.40.0 // indirect
)
