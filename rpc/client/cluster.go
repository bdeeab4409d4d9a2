package client

import (
	"context"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// GetServers lists the members, as the leader knows them or, if the leader cannot
// be reached, as another server does.
func (c *Client) GetServers(ctx context.Context, opts ...CallOption) (*kvorumv1.GetServersResponse, error) {
	k := newCall(call{kind: read, prefer: leader}, opts)
	return unary(ctx, c, k, &kvorumv1.GetServersRequest{}, c.kv.GetServers)
}

// Status asks one server, given by name or address, for its own state. It is
// asked once, and answers with or without a leader.
func (c *Client) Status(ctx context.Context, server string) (*kvorumv1.StatusResponse, error) {
	return unary(ctx, c, readCall([]CallOption{AtServer(server)}), &kvorumv1.StatusRequest{}, c.cluster.Status)
}

// AddServer adds a server as a learner; it becomes a voter once it has caught
// up, unless it is to stay a learner. A removed server is readmitted.
func (c *Client) AddServer(ctx context.Context, id, rpcAddr string, stayLearner bool, opts ...CallOption) (*kvorumv1.ChangeResponse, error) {
	req := &kvorumv1.AddServerRequest{Id: id, RpcAddr: rpcAddr, StayLearner: stayLearner}
	return unary(ctx, c, writeCall(opts), req, c.cluster.AddServer)
}

// PromoteServer makes a learner a voter; reason NOT_CAUGHT_UP if it lags.
func (c *Client) PromoteServer(ctx context.Context, id string, opts ...CallOption) (*kvorumv1.ChangeResponse, error) {
	return unary(ctx, c, writeCall(opts), &kvorumv1.PromoteServerRequest{Id: id}, c.cluster.PromoteServer)
}

// RemoveServer takes a server out of the cluster, for good: it is not let in
// again by itself.
func (c *Client) RemoveServer(ctx context.Context, id string, opts ...CallOption) (*kvorumv1.ChangeResponse, error) {
	return unary(ctx, c, writeCall(opts), &kvorumv1.RemoveServerRequest{Id: id}, c.cluster.RemoveServer)
}

// TransferLeadership makes the given voter the leader; an empty name lets the
// leader choose the most up-to-date one.
func (c *Client) TransferLeadership(ctx context.Context, to string, opts ...CallOption) (*kvorumv1.ChangeResponse, error) {
	return unary(ctx, c, writeCall(opts), &kvorumv1.TransferLeadershipRequest{To: to}, c.cluster.TransferLeadership)
}

// TakeSnapshot makes one server, given by name or address, write a snapshot of
// its state and cut its log. It is asked once.
func (c *Client) TakeSnapshot(ctx context.Context, server string) (*kvorumv1.TakeSnapshotResponse, error) {
	return unary(ctx, c, writeCall([]CallOption{AtServer(server)}), &kvorumv1.TakeSnapshotRequest{}, c.cluster.TakeSnapshot)
}
