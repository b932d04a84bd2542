package cache_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"larder/extension/internal/source"
)

// world is AWS as simply as it can be told: what each name stands for now, and what fails.
type world struct {
	mu      sync.Mutex
	random  *rand.Rand
	made    [names]int       // how often each secret was made anew
	version int              // of all values together: each change makes the next
	broken  map[string]error // by name, or by service for all of it
	lasting bool             // nothing is ever said to be gone
}

const names = 4

func nameAt(i int) string { return string(rune('a' + i)) }

func newWorld(random *rand.Rand) *world {
	return &world{random: random, broken: make(map[string]error)}
}

// arn is that of the present making of a secret.
func (w *world) arn(i int) string {
	return fmt.Sprintf("arn:aws:secretsmanager:eu-west-1:123456789012:secret:%s-%06d", nameAt(i), w.made[i])
}

// bodyOf tells what a value is one of.
func bodyOf(service source.Service, name, stage string, decrypted bool) string {
	return fmt.Sprintf("%s %s %q %t", service, name, stage, decrypted)
}

// checkBody proves that a value is one of what was asked for: for a secret's name, of any of its makings.
func checkBody(q source.Query, body string) error {
	want := bodyOf(q.Service, q.Name, q.VersionStage, q.WithDecryption)
	if q.Service == source.SecretsManager && len(q.Name) == 1 {
		service, _, _ := strings.Cut(body, " ")
		_, rest, _ := strings.Cut(body, ":secret:")
		body = service + " " + rest[:1] + rest[len("a-000000"):]
	}
	if body != want {
		return fmt.Errorf("got %s, want %s", body, want)
	}
	return nil
}

// answer is what AWS says now. The ARN of a former making is not found.
func (w *world) answer(q source.Query) (source.Value, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range names {
		arn := ""
		if q.Service == source.SecretsManager {
			arn = w.arn(i)
		}
		if q.Name != nameAt(i) && q.Name != arn {
			continue
		}
		for _, what := range []string{q.Service.String(), nameAt(i)} {
			if err := w.broken[what]; err != nil {
				return source.Value{}, err
			}
		}
		whole := q.Name
		if arn != "" {
			whole = arn
		}
		body := bodyOf(q.Service, whole, q.VersionStage, q.WithDecryption)
		return source.Value{Body: []byte(body), ARN: arn, VersionID: fmt.Sprintf("v%d", w.version)}, nil
	}
	return source.Value{}, &source.Error{Class: source.NotFound, Code: "Former"}
}

// change rotates everything, and at times makes a secret anew, or lets something fail, or ends that.
func (w *world) change() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
	what := nameAt(w.random.IntN(names))
	if w.random.IntN(3) == 0 {
		what = source.Service(1 + w.random.IntN(2)).String()
	}
	switch w.random.IntN(200) {
	case 0:
		if !w.lasting {
			w.made[w.random.IntN(names)]++
		}
	case 1, 2, 3, 4, 5, 6, 7, 8:
		w.broken[what] = w.trouble()
	case 9, 10, 11, 12:
		delete(w.broken, what)
	case 13, 14:
		clear(w.broken)
	}
}

// trouble is any failure there may be, and more often one that says nothing for certain.
func (w *world) trouble() error {
	switch n := w.random.IntN(10); {
	case n == 0:
		return fmt.Errorf("unknown %d", w.version)
	case n <= 3 && !w.lasting:
		return &source.Error{Class: definitive[w.random.IntN(len(definitive))], Code: fmt.Sprintf("Definitive%d", w.version)}
	}
	return &source.Error{Class: transient[w.random.IntN(len(transient))], Code: fmt.Sprintf("Transient%d", w.version)}
}

// query picks one of few, so that they meet often.
func (w *world) query() source.Query {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.random.IntN(names)
	q := source.Query{Service: source.SecretsManager, Name: nameAt(i)}
	if w.random.IntN(3) == 0 {
		q.Service = source.ParameterStore
		q.WithDecryption = w.random.IntN(2) == 0
		return q
	}
	if w.random.IntN(2) == 0 {
		q.Name = w.arn(i)
	}
	if w.random.IntN(3) == 0 {
		q.VersionStage = "AWSPREVIOUS"
	}
	return q
}
