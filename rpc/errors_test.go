package rpc

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/node"
)

func infoOf(t *testing.T, err error) *errdetails.ErrorInfo {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}

// TestErrorsAreThoseOfTheContract holds the contract's table a second time, in
// its own words: code, reason and outcome of what can go wrong.
func TestErrorsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err             error
		code            codes.Code
		reason, outcome string
	}{
		{errKeyNotFound, codes.NotFound, "KEY_NOT_FOUND", "definite"},
		{kv.ValidateKey(""), codes.InvalidArgument, "INVALID_KEY", "definite"},
		{errValueTooLarge, codes.InvalidArgument, "VALUE_TOO_LARGE", "definite"},
		{errInvalidRequest, codes.InvalidArgument, "INVALID_REQUEST", "definite"},
		{raft.ErrNoLeader, codes.Unavailable, "NO_LEADER", "definite"},
		{node.ErrNoConfiguration, codes.Unavailable, "NO_LEADER", "definite"},
		{errForming, codes.Unavailable, "NO_LEADER", "definite"},
		{raft.ErrTransferring, codes.Unavailable, "NO_LEADER", "definite"},
		{raft.ErrNotLeader, codes.Unavailable, "NOT_LEADER", "definite"},
		{node.ErrSlotLost, codes.Unavailable, "NOT_LEADER", "definite"},
		{node.ErrLeadershipLost, codes.Unavailable, "LEADERSHIP_LOST", "unknown"},
		{node.ErrStopped, codes.Unavailable, "LEADERSHIP_LOST", "unknown"},
		{node.ErrTransferFailed, codes.Unavailable, "LEADERSHIP_LOST", "unknown"},
		{errForwardLost, codes.Unavailable, "LEADERSHIP_LOST", "unknown"},
		{raft.ErrBusy, codes.ResourceExhausted, "BUSY", "definite"},
		{node.ErrSnapshotRunning, codes.ResourceExhausted, "BUSY", "definite"},
		{errTooStale, codes.FailedPrecondition, "TOO_STALE", "definite"},
		{errSessionExpired, codes.FailedPrecondition, "SESSION_EXPIRED", "definite"},
		{errSequenceStale, codes.FailedPrecondition, "SEQUENCE_STALE", "definite"},
		{kv.ErrCompacted, codes.OutOfRange, "COMPACTED", "definite"},
		{raft.ErrConfigInFlight, codes.FailedPrecondition, "CHANGE_IN_PROGRESS", "definite"},
		{errUnsafeChange, codes.FailedPrecondition, "UNSAFE_CHANGE", "definite"},
		{raft.ErrInvalidConfig, codes.FailedPrecondition, "UNSAFE_CHANGE", "definite"},
		{raft.ErrNotVoter, codes.FailedPrecondition, "NOT_A_MEMBER", "definite"},
		{errNotAMember, codes.FailedPrecondition, "NOT_A_MEMBER", "definite"},
		{errNotCaughtUp, codes.FailedPrecondition, "NOT_CAUGHT_UP", "definite"},
		{errWrongCluster, codes.FailedPrecondition, "WRONG_CLUSTER", "definite"},
		{unknownOutcome{raft.ErrNotLeader}, codes.Unavailable, "NOT_LEADER", "unknown"},
	}
	for _, test := range tests {
		got := toStatus(fmt.Errorf("somewhere: %w", test.err), nil)
		info := infoOf(t, got)
		if status.Code(got) != test.code || info.GetDomain() != "kvorum" || info.GetReason() != test.reason ||
			info.GetMetadata()["outcome"] != test.outcome {
			t.Errorf("%v: got %v %v, want %v %s %s", test.err, status.Code(got), info, test.code, test.reason, test.outcome)
		}
	}
}

// declaredErrors returns the names of the exported error variables of a package.
func declaredErrors(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			vars, ok := d.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

// TestTableForgetsNoError looks for every error that the packages below declare,
// in the table and in the test of it above.
func TestTableForgetsNoError(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, file := range []string{"errors.go", "errors_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for pkg, dir := range map[string]string{"raft": "../raft", "node": "../raft/node"} {
		names := declaredErrors(t, dir)
		if len(names) < 5 {
			t.Errorf("found only %v in %s", names, dir)
		}
		for _, name := range names {
			for _, text := range texts {
				if !strings.Contains(text, "{"+pkg+"."+name+", ") {
					t.Errorf("no row for %s.%s", pkg, name)
				}
			}
		}
	}
}

func TestErrorsOutsideTheTableSayNothingOfTheOutcome(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		code codes.Code
	}{
		{context.DeadlineExceeded, codes.DeadlineExceeded},
		{context.Canceled, codes.Canceled},
		{errors.New("surprise"), codes.Internal},
		{status.Error(codes.Unimplemented, "later"), codes.Unimplemented},
	}
	for _, test := range tests {
		got := toStatus(fmt.Errorf("somewhere: %w", test.err), nil)
		if status.Code(got) != test.code || infoOf(t, got) != nil {
			t.Errorf("%v: got %v %v, want %v and no ErrorInfo", test.err, status.Code(got), infoOf(t, got), test.code)
		}
	}
}

func TestNotLeaderNamesTheLeader(t *testing.T) {
	t.Parallel()
	leader := map[string]string{"leader_id": "n2", "leader_addr": "127.0.0.1:1"}
	got := infoOf(t, toStatus(raft.ErrNotLeader, leader)).GetMetadata()
	if got["leader_id"] != "n2" || got["leader_addr"] != "127.0.0.1:1" {
		t.Errorf("got %v", got)
	}
	if got := infoOf(t, toStatus(raft.ErrBusy, leader)).GetMetadata(); got["leader_id"] != "" {
		t.Errorf("BUSY names the leader: %v", got)
	}
	if got := infoOf(t, toStatus(raft.ErrNoLeader, nil)).GetMetadata(); got["retry_after"] == "" {
		t.Errorf("NO_LEADER does not say when to retry: %v", got)
	}
}

func TestAnswerOfTheLeaderIsPassedOn(t *testing.T) {
	t.Parallel()
	answer := toStatus(raft.ErrBusy, nil)
	if got := reasonOf(toStatus(answer, nil)); got != "BUSY" {
		t.Errorf("got %q, want BUSY", got)
	}
}
