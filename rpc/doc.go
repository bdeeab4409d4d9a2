// Package rpc is kvorum on the network: gRPC between the servers, and from the
// clients to them.
//
//   - server.go, health.go: the whole server, from the listener to its end
//   - kv.go, reads.go, watch.go, cluster.go, change.go: the public services of kvorum.v1
//   - forward.go: a request for the leader goes there, one hop
//   - errors.go: the error table of the contract
//   - peers.go, peer.go, snapshot.go, pace.go: Raft messages and snapshots to other servers
//   - receive.go, validate.go, convert.go: and from them
//   - suspect.go: a leader whose process is gone
//
// Generated protobuf types stay in here: what is below knows nothing of them.
package rpc
