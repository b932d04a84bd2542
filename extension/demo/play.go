// This file tells the story: the life of one execution environment, scene by scene.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"

	"larder/extension/internal/lambdatest"
)

// What the extension's access lines have to say in a scene, at least.
const (
	coldSecret      = "cold " + secretName
	coldParameter   = "cold " + parameterName
	cachedSecret    = "cached " + secretName
	cachedParameter = "cached " + parameterName
	refreshedSecret = "refreshed " + secretName
)

func (d *demo) play(ctx context.Context) error {
	d.screen.title("Larder, shown without AWS",
		fmt.Sprintf("The executable of %s runs beside the function in %s.",
			filepath.Base(d.settings.layer), d.settings.function),
		fmt.Sprintf("Lambda and AWS are pretended; AWS takes %v for an answer.", d.settings.latency),
		"Each row is one read, as the extension recorded it, with the time that it took in there.")
	for _, scene := range []func(context.Context) error{
		d.initialize,
		func(ctx context.Context) error { return d.invoke(ctx, 1) },
		func(ctx context.Context) error { return d.invoke(ctx, 2) },
		d.rotate,
		d.refresh,
		d.trouble,
		d.shutdown,
	} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return d.verdict()
}

// initialize is INIT: the function's module scope runs once the extension has registered, and reads.
func (d *demo) initialize(ctx context.Context) error {
	executable, err := lambdatest.Unpack(d.settings.layer, filepath.Join(d.folder, "opt"))
	if err != nil {
		return hint(err, "`make demo` builds the layer first")
	}
	cmd := exec.CommandContext(ctx, executable)
	cmd.Env, cmd.Dir = d.environment(), d.folder
	if d.extension, err = start("the extension", cmd); err != nil {
		return hint(err, "is the layer for this machine's architecture? `make layer` builds both")
	}
	if err := d.unlessEnded(ctx, d.registered); err != nil {
		return err
	}
	if d.function, err = startFunction(ctx, d.settings, d.environment()); err != nil {
		return err
	}
	if err := d.function.ready(ctx); err != nil {
		return err
	}
	if err := d.unlessEnded(ctx, d.idle); err != nil {
		return err
	}
	d.screen.scene("INIT", "the extension registers as %s; then the function's module is imported, and reads at once",
		d.lambda.Registrations()[0].Name)
	return d.show(ctx, coldSecret, coldParameter)
}

// registered waits until the extension has registered.
func (d *demo) registered(ctx context.Context) error {
	_, err := d.lambda.WaitRegistered(ctx)
	return err
}

// idle waits until the extension waits for the next event: it has nothing more to do then.
func (d *demo) idle(ctx context.Context) error {
	_, err := d.lambda.WaitIdle(ctx)
	return err
}

// unlessEnded waits for something that the extension does, and no longer than it lives.
func (d *demo) unlessEnded(ctx context.Context, wait func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	waited := make(chan error, 1)
	go func() { waited <- wait(ctx) }()
	select {
	case err := <-waited:
		return err
	case <-d.extension.ended:
		return d.extension.early()
	}
}

// invoke is one INVOKE: Lambda tells the extension and the function, and waits for both.
func (d *demo) invoke(ctx context.Context, number int) error {
	title := fmt.Sprintf("INVOKE %d", number)
	if err := d.handle(ctx, title, d.lambda.Invoke("")); err != nil {
		return err
	}
	return d.show(ctx, cachedSecret, cachedParameter)
}

// handle lets the function answer, and checks what a caller sees of the answer.
func (d *demo) handle(ctx context.Context, title, requestID string) error {
	a, err := d.function.invoke(ctx, requestID)
	if err != nil {
		return err
	}
	if err := d.unlessEnded(ctx, d.idle); err != nil {
		return err
	}
	var seen caller
	if err := json.Unmarshal([]byte(a.Body), &seen); err != nil || a.StatusCode != http.StatusOK {
		d.screen.scene(title, "the function answers %d: %s", a.StatusCode, a.Body)
		return errors.New("the function could not read")
	}
	d.screen.scene(title, "the function answers %d: user %s at %s, API at %s",
		a.StatusCode, seen.Username, seen.Host, seen.Parameter)
	if want := (caller{apiURL, d.current.Username, d.current.Host, true}); seen != want {
		return fmt.Errorf("the function answered %+v, and of what AWS holds follows %+v", seen, want)
	}
	return nil
}

// caller is what a caller sees of the function's answer.
type caller struct {
	Parameter   string `json:"parameter"`
	Username    string `json:"username"`
	Host        string `json:"host"`
	ReadAtStart bool   `json:"readAtStart"`
}

// show prints the reads of a scene, among them one of each expected kind at least.
func (d *demo) show(ctx context.Context, expected ...string) error {
	reads, err := d.newReads(ctx, expected...)
	for _, r := range reads {
		asExpected := d.gave(r)
		if !asExpected {
			d.wrong++
		}
		d.screen.read(r, asExpected)
	}
	return err
}
