package preview

// A Cluster is a live cluster as one identity. It is safe for concurrent use.
type Cluster struct{}
