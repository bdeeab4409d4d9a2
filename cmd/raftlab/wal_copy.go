package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// copyFolder makes the folder out, and in it copies of the files in dir. Nobody
// else may read them, as nobody else may read the originals.
func copyFolder(dir, out string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if err := isOutside(dir, out); err != nil {
		return err
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		if f.Type().IsRegular() {
			if err := copyFile(filepath.Join(dir, f.Name()), filepath.Join(out, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOutside refuses to make the copy in the folder that is copied.
func isOutside(dir, out string) error {
	inner, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	outer, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if strings.HasPrefix(inner, outer+string(filepath.Separator)) {
		return fmt.Errorf("%s is in it: make the copy elsewhere", out)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
