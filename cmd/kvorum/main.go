// Kvorum is a server of a distributed key-value store.
//
//	kvorum serve    one server
//	kvorum demo     a cluster on this machine, to try things out
//	kvorum recover  a new cluster of one server that is left of a lost one
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// version is what the server calls itself. The linker may set it.
var version = "0.1.0"

func main() {
	boundGarbage()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. It returns its exit code: 0 done, 1 failed, 2 wrong usage.
func run(args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "kvorum",
		Short:         "A distributed key-value store",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(), demoCommand(), recoverCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "kvorum: %v\n", err)
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// usageError is the caller's mistake: a wrong command, flag, variable, file or value.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s: unexpected argument %q; see %s --help", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}
