package main

import (
	"github.com/spf13/cobra"

	"kvorum/backup"
	"kvorum/raft/wal"
)

func (k *kvctl) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a new cluster of a backup",
		Long: `Make a new cluster of the backup in FILE: a folder for one server, with which kvorum
serve then starts; others join that one. No server is asked, and none is changed.

The new cluster has the keys with their values and revisions, and nothing else: its
id is new, so servers of the old one are refused, and sessions have expired. Its
revisions go on far from where the old cluster's may have gone since.`,
		Example: "  kvctl restore monday.backup --id n1 --data-dir n1",
		Args:    cobra.ExactArgs(1),
	}
	id := cmd.Flags().String("id", "", "the name of the server, as for kvorum serve")
	dir := cmd.Flags().String("data-dir", "", "its folder, which must be absent or empty")
	cobra.CheckErr(cmd.MarkFlagRequired("id"))
	cobra.CheckErr(cmd.MarkFlagRequired("data-dir"))
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		k.begun = true
		info, server, err := backup.Restore(wal.OS(), args[0], *dir, *id)
		if err != nil {
			return err
		}
		if k.json() {
			b := backupOf(args[0], info)
			b.ClusterID, b.ServerID = server.ClusterID, server.Name
			return k.printJSON(b)
		}
		return k.printf(`OK, %d keys as of index %d are in the new cluster %s of one server, %s. Start it:

    kvorum serve --id %s --data-dir %s

Then start others, with folders of their own, with --join and its --serf-addr.
`, info.Keys, info.Last.Index, server.ClusterID, server.Name, server.Name, *dir)
	}
	return cmd
}
