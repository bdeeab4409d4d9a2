package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"

	"kvorum/backup"
	"kvorum/cmd/internal/progress"
	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/raft/wal"
)

func (k *kvctl) backup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Save all keys, as they are at one moment, in a file",
		Long: `Save all keys, with values and revisions as they are at one moment, in FILE. Every
write that was answered before is in it. The bytes arrive in FILE.tmp, are checked
and synced, and only then get their name: FILE is whole, or not there.

--timeout is for the first answer; after it a backup takes as long as it takes.
--check saves nothing: it reads a backup, checks all of it, and says what it holds.`,
		Example: "  kvctl backup monday.backup\n  kvctl backup monday.backup --server n2\n  kvctl backup monday.backup --check",
		Args:    cobra.ExactArgs(1),
	}
	k.serverFlag(cmd)
	force := cmd.Flags().Bool("force", false, "replace FILE if it exists")
	check := cmd.Flags().Bool("check", false, "read FILE, and say what it holds")
	cmd.MarkFlagsMutuallyExclusive("force", "check")
	cmd.MarkFlagsMutuallyExclusive("server", "check")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		k.begun = true
		if *check {
			info, err := backup.Check(args[0])
			if err != nil {
				return err
			}
			return k.printBackup(backupOf(args[0], info))
		}
		if _, err := os.Lstat(args[0]); err == nil && !*force {
			return fmt.Errorf("%s exists; --force replaces it", args[0])
		}
		return k.saveBackup(cmd.Context(), args[0], cmd.ErrOrStderr())
	}
	return cmd
}

// saveBackup gives the file its name once it is whole, checked and durable.
func (k *kvctl) saveBackup(ctx context.Context, file string, stderr io.Writer) error {
	arriving := file + ".tmp"
	from, err := k.download(ctx, arriving, stderr)
	if err != nil {
		_ = os.Remove(arriving) // it may not be there
		return err
	}
	info, err := backup.Check(arriving)
	if err != nil {
		return err // the file stays, to be looked at
	}
	if err := os.Rename(arriving, file); err != nil {
		return err
	}
	if err := wal.OS().SyncDir(filepath.Dir(file)); err != nil {
		return err
	}
	b := backupOf(file, info)
	b.ClusterID, b.ServerID = from.GetClusterId(), from.GetServerId()
	return k.printBackup(b)
}

// download stores a backup in the file, durably, and returns who sent it.
func (k *kvctl) download(ctx context.Context, file string, stderr io.Writer) (*kvorumv1.Header, error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	from, err := k.receive(ctx, f, stderr)
	if err == nil {
		err = f.Sync()
	}
	return from, errors.Join(err, f.Close())
}

// receive writes a backup to w, and shows how far it is.
func (k *kvctl) receive(ctx context.Context, w io.Writer, stderr io.Writer) (from *kvorumv1.Header, err error) {
	c, err := k.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // nothing is left to lose
	var got, size atomic.Uint64
	defer progress.Start(stderr, func() (part float64, words string) {
		if size.Load() == 0 {
			return 0, "the server writes a snapshot"
		}
		return float64(got.Load()) / float64(size.Load()), fmt.Sprintf("%.1f of %.1f MB", float64(got.Load())/1e6, float64(size.Load())/1e6)
	}).Stop()
	for chunk, err := range beginWithin(ctx, k.timeout, func(ctx context.Context) iter.Seq2[*kvorumv1.BackupChunk, error] {
		return c.Backup(ctx, k.callOptions()...)
	}) {
		if err != nil {
			return nil, failure{"backup", err}
		}
		if from == nil {
			from = chunk.GetHeader()
		}
		n, err := w.Write(chunk.GetData())
		if err != nil {
			return nil, err
		}
		got.Add(uint64(n))
		size.Store(chunk.GetSize())
	}
	return from, nil
}

// saved is a backup as it is printed.
type saved struct {
	File      string `json:"file"`
	Index     uint64 `json:"index"`
	Term      uint64 `json:"term"`
	Keys      int    `json:"keys"`
	Bytes     int64  `json:"bytes"`
	ClusterID string `json:"cluster_id,omitempty"` // who sent it; the file does not say
	ServerID  string `json:"server_id,omitempty"`
}

func backupOf(file string, info backup.Info) saved {
	return saved{File: file, Index: uint64(info.Last.Index), Term: uint64(info.Last.Term), Keys: info.Keys, Bytes: info.Bytes}
}

func (k *kvctl) printBackup(b saved) error {
	if k.json() {
		return k.printJSON(b)
	}
	line := fmt.Sprintf("OK, %d keys as of index %d, term %d, in %d bytes", b.Keys, b.Index, b.Term, b.Bytes)
	if b.ServerID != "" {
		line += fmt.Sprintf(", from %s of cluster %s", b.ServerID, b.ClusterID)
	}
	return k.printf("%s\n", line)
}
