package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// machines are what servers run on when the network between them is to be cut: each is
// a network namespace with a line to ours alone, where what it says to another is
// forwarded. So clients, who are in ours, also reach a server that others do not.
type machines []*exec.Cmd // a process that sleeps in the namespace

// apart are the machines of this run: server i is on the (i mod n)-th. Without any,
// all servers are on the loopback of this one.
var apart machines

// ownNetwork, in the environment, says that this process has a network of its own.
const ownNetwork = "KVORUM_BENCH_OWN_NETWORK"

// errNoNetwork is why this process cannot be run in a network of its own.
var errNoNetwork = errors.New("no network of its own, which takes Linux, root, ip and nsenter")

// runInOwnNetwork runs this program once more, in a network of its own of which nothing
// is left when it ends.
func runInOwnNetwork(ctx context.Context, out io.Writer, dir string) error {
	for _, tool := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %w", errNoNetwork, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, append(os.Args[1:], "-dir", dir)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), ownNetwork+"=1")
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w: %w", errNoNetwork, err)
	}
	return err
}

// startMachines makes n machines and the lines to them. Machine i has the address
// 10.77.i.1, and our end of its line, called line-i, 10.77.i.254.
func startMachines(n int) (m machines, err error) {
	if err := shell("sysctl -q -w net.ipv4.ip_forward=1"); err != nil {
		return nil, err
	}
	for i := range n {
		sleeper := exec.Command("sleep", "infinity")
		sleeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		if err := sleeper.Start(); err != nil {
			return nil, errors.Join(err, m.close())
		}
		m = append(m, sleeper)
		replaced := strings.NewReplacer("PID", strconv.Itoa(sleeper.Process.Pid), "I", strconv.Itoa(i))
		if err := shell(
			replaced.Replace("ip link add line-I type veth peer name line netns PID"),
			replaced.Replace("ip addr add 10.77.I.254/24 dev line-I"),
			replaced.Replace("ip link set line-I up"),
			replaced.Replace("nsenter -t PID -n ip link set lo up"),
			replaced.Replace("nsenter -t PID -n ip addr add 10.77.I.1/24 dev line"),
			replaced.Replace("nsenter -t PID -n ip link set line up"),
			replaced.Replace("nsenter -t PID -n ip route add default via 10.77.I.254"),
		); err != nil {
			return nil, errors.Join(err, m.close())
		}
	}
	return m, nil
}

// close ends the machines. Their servers have ended.
func (m machines) close() (err error) {
	for _, sleeper := range m {
		err = errors.Join(err, sleeper.Process.Kill())
		_ = sleeper.Wait() // it was killed, and says so
	}
	return err
}

// host is the address of the machine that server i runs on.
func (m machines) host(i int) string {
	if len(m) == 0 {
		return "127.0.0.1"
	}
	return fmt.Sprintf("10.77.%d.1", i%len(m))
}

// command is what runs a program there.
func (m machines) command(i int, program string, args ...string) *exec.Cmd {
	if len(m) == 0 {
		return exec.Command(program, args...)
	}
	pid := strconv.Itoa(m[i%len(m)].Process.Pid)
	return exec.Command("nsenter", append([]string{"--target", pid, "--net", program}, args...)...)
}

// cut lets nothing through any more between machine i and the others, in silence.
func (m machines) cut(i int) error { return m.rule("add", i) }

// heal undoes cut.
func (m machines) heal(i int) error { return m.rule("del", i) }

func (m machines) rule(verb string, i int) (err error) {
	for j := range m {
		if j != i {
			err = errors.Join(err, shell(
				fmt.Sprintf("ip rule %s iif line-%d to 10.77.%d.0/24 blackhole", verb, i, j),
				fmt.Sprintf("ip rule %s iif line-%d to 10.77.%d.0/24 blackhole", verb, j, i)))
		}
	}
	return err
}

// shell runs commands until one fails.
func shell(commands ...string) error {
	for _, command := range commands {
		args := strings.Fields(command)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
