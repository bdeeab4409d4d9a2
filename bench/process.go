package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// servers are child processes.
type servers []*exec.Cmd

// start starts a program. What it prints goes to a file.
func (s *servers) start(log, program string, args ...string) error {
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close() // the child has its own
	cmd := apart.command(len(*s), program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	*s = append(*s, cmd)
	return nil
}

// signal sends a signal to server i. One that kills has done so on return.
func (s servers) signal(i int, what syscall.Signal) error {
	err := s[i].Process.Signal(what)
	if what == syscall.SIGKILL && err == nil {
		_ = s[i].Wait() // it was killed, and says so
	}
	return err
}

// restart starts server i again, which has ended, as it was started before.
func (s servers) restart(i int) error {
	old := s[i]
	out, err := os.OpenFile(old.Stdout.(*os.File).Name(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(old.Path, old.Args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, old.SysProcAttr
	s[i] = cmd
	return cmd.Start()
}

func (s servers) close() error {
	var failed error
	for _, cmd := range s {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			failed = errors.Join(failed, err)
		}
		_ = cmd.Wait() // it was killed, and says so
	}
	return failed
}

// cpu is the processor time used by all of them.
func (s servers) cpu() (time.Duration, error) {
	each, err := s.cpuOfEach()
	return sum(each), err
}

// cpuOfEach is the processor time that each of them has used.
func (s servers) cpuOfEach() (each []time.Duration, err error) {
	for _, cmd := range s {
		fields, err := processStat(cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		var used time.Duration
		for _, field := range fields[11:13] { // utime and stime, in ticks of 10 ms
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, err
			}
			used += time.Duration(ticks) * 10 * time.Millisecond
		}
		each = append(each, used)
	}
	return each, nil
}

// processStat returns the fields of /proc/PID/stat after the program's name.
func processStat(pid int) ([]string, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil, err
	}
	_, after, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return nil, fmt.Errorf("process %d: cannot read its times", pid)
	}
	return fields, nil
}

// freeAddresses returns addresses that were free a moment ago: of the machines of
// the servers, in turn.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, net.JoinHostPort(apart.host(len(addresses)), port))
	}
	return addresses, nil
}

// connections are what the clients use; client i uses the i-th, cyclically.
type connections []*grpc.ClientConn

// usualConnections is how many there are to a server, for every system alike, unless
// others are asked for: one for each client.
const usualConnections = 256

// connect returns n connections, which are established at their first use.
func connect(addr string, n int) (c connections, err error) {
	for range n {
		conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c = append(c, conn)
	}
	return c, nil
}

func (c connections) of(client int) *grpc.ClientConn { return c[client%len(c)] }

func (c connections) close() (err error) {
	for _, conn := range c {
		err = errors.Join(err, conn.Close())
	}
	return err
}

// until calls f until it succeeds, or two minutes have passed.
func until(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
