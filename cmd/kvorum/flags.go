package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"kvorum/discovery"
	"kvorum/raft/node"
	"kvorum/rpc"
)

// config is what `kvorum serve` was told. The flags say what each field means.
type config struct {
	id                string
	dataDir           string
	rpcAddr           string
	serfAddr          string
	httpAddr          string
	advertiseRPCAddr  string
	advertiseSerfAddr string
	join              []string
	bootstrap         bool
	bootstrapExpect   int
	heartbeatInterval time.Duration
	electionTimeout   time.Duration
	snapshotEntries   uint64
	snapshotTail      uint64
	maxValueBytes     int
	tlsCert           string
	tlsKey            string
	tlsCA             string
	gossipKeyFile     string
	logLevel          string
	logFormat         string
	debug             bool
	file              string
}

// define declares the flags of serve. The same names hold in the file, and in
// upper case after KVORUM_ in the environment.
func (c *config) define(f *pflag.FlagSet) {
	hostName, _ := os.Hostname() // without one, --id must be given: validate says so
	f.StringVar(&c.id, "id", hostName, "this server's name, the same for ever")
	f.StringVar(&c.dataDir, "data-dir", "./kvorum-data", "folder for the log, snapshots and identity; made if absent")
	f.StringVar(&c.rpcAddr, "rpc-addr", "127.0.0.1:8400", "gRPC address, for clients and servers")
	f.StringVar(&c.serfAddr, "serf-addr", "127.0.0.1:8401", "gossip address, TCP and UDP")
	f.StringVar(&c.httpAddr, "http-addr", "127.0.0.1:8402", "address for health, metrics and the dashboard; who can reach it sees this server's log; empty: none")
	f.StringVar(&c.advertiseRPCAddr, "advertise-rpc-addr", "", "the gRPC address that others are told (default: --rpc-addr)")
	f.StringVar(&c.advertiseSerfAddr, "advertise-serf-addr", "", "the gossip address that others are told (default: --serf-addr)")
	f.StringSliceVar(&c.join, "join", nil, "gossip address of a server to join, repeatable; tried for ever")
	f.BoolVar(&c.bootstrap, "bootstrap", false, "form a new cluster of this one server; harmless on restart")
	f.IntVar(&c.bootstrapExpect, "bootstrap-expect", 0, "form a new cluster once this many servers have met")
	f.DurationVar(&c.heartbeatInterval, "heartbeat-interval", 50*time.Millisecond, "how often a leader is heard from")
	f.DurationVar(&c.electionTimeout, "election-timeout", 500*time.Millisecond, "T: an election starts after T to 2T without a leader, or sooner if its process is gone")
	f.Uint64Var(&c.snapshotEntries, "snapshot-entries", 10000, "log entries between snapshots; more while the last one is written, fewer if they are as large as the state, and more than 64 MiB")
	f.Uint64Var(&c.snapshotTail, "snapshot-tail", 5000, "log entries kept behind a snapshot, for slow followers, of at most 64 MiB in all")
	f.IntVar(&c.maxValueBytes, "max-value-bytes", 1<<20, "the largest value accepted")
	c.defineTLS(f)
	f.StringVar(&c.gossipKeyFile, "gossip-key-file", "", "keys that encrypt gossip, base64, one a line; the first one encrypts")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.logFormat, "log-format", "text", "text or json; the log goes to standard error")
	f.BoolVar(&c.debug, "debug", false, "serve /debug/pprof on --http-addr, and log why Raft does what it does (at level debug)")
	f.StringVar(&c.file, "config", "", "YAML file with the same names")
}

// defineTLS declares those of them that say how servers know each other.
func (c *config) defineTLS(f *pflag.FlagSet) {
	f.StringVar(&c.tlsCert, "tls-cert", "", "certificate (PEM) for mutual TLS on every gRPC connection")
	f.StringVar(&c.tlsKey, "tls-key", "", "key (PEM) of the certificate")
	f.StringVar(&c.tlsCA, "tls-ca", "", "certificates (PEM) that peers and clients are verified with")
}

// complete fills in, for every flag that was not given, the KVORUM_* variable
// or else the value in the file, and checks the result.
func (c *config) complete(f *pflag.FlagSet, getenv func(string) string) error {
	if err := fromEnvironment(f, getenv); err != nil {
		return err
	}
	if c.file != "" {
		if err := fromFile(f, c.file); err != nil {
			return err
		}
	}
	return c.validate()
}

// fromEnvironment sets the flags that were not given and whose variable is set.
func fromEnvironment(f *pflag.FlagSet, getenv func(string) string) (err error) {
	f.VisitAll(func(flag *pflag.Flag) {
		name := "KVORUM_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value := getenv(name)
		if flag.Changed || value == "" || err != nil {
			return
		}
		if problem := f.Set(flag.Name, value); problem != nil {
			err = usagef("variable %s: %w", name, plain(problem))
		}
	})
	return err
}

// fromFile sets the flags that were not set before. A name that is not a
// flag is refused, because a misspelt setting would go unnoticed.
func fromFile(f *pflag.FlagSet, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return usagef("--config: %w", err)
	}
	var settings map[string]yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&settings); err != nil && !errors.Is(err, io.EOF) {
		return usagef("--config %s: %s", path, strings.Join(strings.Fields(err.Error()), " ")) // on one line
	}
	for name, value := range settings {
		flag := f.Lookup(name)
		if flag == nil || name == "config" || name == "help" {
			return usagef("--config %s line %d: unknown setting %q", path, value.Line, name)
		}
		if flag.Changed {
			continue
		}
		if err := setFromNode(f, flag, &value); err != nil {
			return usagef("--config %s line %d: %s: %w", path, value.Line, name, plain(err))
		}
	}
	return nil
}

// setFromNode sets a flag to a YAML scalar, or if it is repeatable to a list.
func setFromNode(f *pflag.FlagSet, flag *pflag.Flag, value *yaml.Node) error {
	if _, repeatable := flag.Value.(pflag.SliceValue); repeatable {
		var list []string
		if value.Decode(&list) == nil {
			return f.Set(flag.Name, strings.Join(list, ","))
		}
	}
	var scalar string
	if err := value.Decode(&scalar); err != nil {
		return errors.New("it must be a single value")
	}
	return f.Set(flag.Name, scalar)
}

// plain drops pflag's sentence around the error that matters.
func plain(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// validate names the first setting that cannot be.
func (c *config) validate() error {
	for _, check := range []func() error{c.validateID, c.validateAddresses, c.validateNumbers, c.validateChoices} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *config) validateID() error {
	if err := node.ValidateName(c.id); err != nil {
		return usagef("--id %q: %w", c.id, err)
	}
	if c.dataDir == "" {
		return usagef("--data-dir must not be empty")
	}
	return nil
}

// validateAddresses looks at what others will be told. A port 0 is taken for the
// one that the system will choose.
func (c *config) validateAddresses() error {
	for _, a := range []struct{ flag, addr, advertised string }{
		{"rpc-addr", c.rpcAddr, c.advertiseRPCAddr},
		{"serf-addr", c.serfAddr, c.advertiseSerfAddr},
	} {
		flag, addr := a.flag, a.addr
		if a.advertised != "" {
			flag, addr = "advertise-"+a.flag, a.advertised
		} else if host, isFree := strings.CutSuffix(addr, ":0"); isFree {
			addr = host + ":1"
		}
		if err := discovery.ValidateAdvertised(addr); err != nil {
			return usagef("--%s: %w", flag, err)
		}
	}
	for _, addr := range c.join {
		if err := discovery.ValidateAdvertised(addr); err != nil {
			return usagef("--join: %w", err)
		}
	}
	return nil
}

// mostExpected is more voters than a cluster should ever have.
const mostExpected = 99

func (c *config) validateNumbers() error {
	switch {
	case c.heartbeatInterval < time.Millisecond:
		return usagef("--heartbeat-interval %v: it must be at least 1ms", c.heartbeatInterval)
	case c.electionTimeout < 2*c.heartbeatInterval:
		return usagef("--election-timeout %v: it must be at least twice --heartbeat-interval, %v", c.electionTimeout, c.heartbeatInterval)
	case c.snapshotEntries == 0:
		return usagef("--snapshot-entries must be at least 1")
	case c.maxValueBytes < 1 || c.maxValueBytes > rpc.MaxValueBytes:
		return usagef("--max-value-bytes %d: it must be within 1 and %d", c.maxValueBytes, rpc.MaxValueBytes)
	case c.bootstrapExpect < 0 || c.bootstrapExpect > mostExpected:
		return usagef("--bootstrap-expect %d: it must be within 0 and %d", c.bootstrapExpect, mostExpected)
	case c.bootstrap && c.bootstrapExpect > 0:
		return usagef("--bootstrap and --bootstrap-expect exclude each other")
	}
	return nil
}

func (c *config) validateChoices() error {
	if _, err := c.level(); err != nil {
		return usagef("--log-level %q: it must be debug, info, warn or error", c.logLevel)
	}
	if c.logFormat != "text" && c.logFormat != "json" {
		return usagef("--log-format %q: it must be text or json", c.logFormat)
	}
	given := 0
	for _, path := range []string{c.tlsCert, c.tlsKey, c.tlsCA} {
		given += cmp.Compare(len(path), 0)
	}
	if given != 0 && given != 3 {
		return usagef("--tls-cert, --tls-key and --tls-ca go together")
	}
	return nil
}
