package lambda

// InitializationType is how the environment came to be, as AWS_LAMBDA_INITIALIZATION_TYPE has it. One that is
// not known, or none, is treated as on-demand.
type InitializationType string

const (
	OnDemand               InitializationType = "on-demand"
	ProvisionedConcurrency InitializationType = "provisioned-concurrency"
	SnapStart              InitializationType = "snap-start"
	ManagedInstances       InitializationType = "lambda-managed-instances"
)

// HasInvokes says whether the extension is told of invocations. On Managed Instances many run at one time, and
// it is not.
func (t InitializationType) HasInvokes() bool { return t != ManagedInstances }

// IsSnapshotted says that the memory at the end of INIT is stored, for up to 14 days, and cloned: nothing secret
// may stand in it.
func (t InitializationType) IsSnapshotted() bool { return t == SnapStart }
