// This file runs the sample function, to which a few lines of Python play Lambda's runtime.

package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed bootstrap.py
var bootstrap string

// function is the sample function's process: events go in, answers come out.
type function struct {
	*process
	events  io.WriteCloser
	answers chan string // closed when the process closes its end
}

// answer is what the sample function returned for an event.
type answer struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

// startFunction starts the process, which runs the function's module scope, and returns at once.
func startFunction(ctx context.Context, s settings, environ []string) (*function, error) {
	python, err := exec.LookPath(s.python)
	if err != nil {
		return nil, hint(fmt.Errorf("looking for Python: %w", err),
			"the sample function is written in it: install Python 3.9 or newer, or name one with -python")
	}
	if _, err := os.Stat(filepath.Join(s.function, "app.py")); err != nil {
		return nil, hint(fmt.Errorf("looking for the sample function: %w", err),
			"run it from the project's top folder, as `make demo` does, or name the folder with -function")
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	cmd := exec.CommandContext(ctx, python, "-c", bootstrap, s.function)
	cmd.Env = append(environ, "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1",
		"HOME="+os.Getenv("HOME")) // where a version manager of Python looks
	cmd.ExtraFiles = []*os.File{writer}
	events, err := cmd.StdinPipe()
	if err != nil {
		reader.Close()
		return nil, err
	}
	child, err := start("the sample function", cmd)
	if err != nil {
		reader.Close()
		return nil, err
	}
	f := &function{process: child, events: events, answers: make(chan string, 1)}
	go func() {
		defer reader.Close()
		defer close(f.answers)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			f.answers <- lines.Text()
		}
	}()
	return f, nil
}

// ready waits until the function's module scope is done.
func (f *function) ready(ctx context.Context) error {
	_, err := f.next(ctx)
	return err
}

// invoke hands the function an event and waits for its answer.
func (f *function) invoke(ctx context.Context, requestID string) (answer, error) {
	event, err := json.Marshal(map[string]any{"requestId": requestID, "event": map[string]any{}})
	if err != nil {
		return answer{}, err
	}
	if _, err := f.events.Write(append(event, '\n')); err != nil {
		f.kill()
		return answer{}, errors.Join(fmt.Errorf("handing the function an event: %w", err), f.early())
	}
	line, err := f.next(ctx)
	if err != nil {
		return answer{}, err
	}
	var a answer
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		return answer{}, fmt.Errorf("reading the function's answer: %w", err)
	}
	return a, nil
}

func (f *function) next(ctx context.Context) (string, error) {
	select {
	case line, open := <-f.answers:
		if !open {
			f.kill()
			return "", f.early()
		}
		return line, nil
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for the function: %w", context.Cause(ctx))
	}
}

// end lets the process end, as Lambda does with the runtime before it tells the extensions.
func (f *function) end(ctx context.Context) error {
	f.events.Close()
	return f.wait(ctx)
}
