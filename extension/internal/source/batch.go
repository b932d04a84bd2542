package source

import (
	"context"
	"strings"
	"sync/atomic"
)

// group is what queries have in common that one call can answer.
type group struct {
	service        Service
	region         string
	withDecryption bool
}

// name is what no two queries of one call may have in common.
func (group) name(q Query) string {
	if q.Service == ParameterStore {
		name, _ := splitSelector(q.Name)
		return name
	}
	return q.Name
}

// batch is whether reads go together, which needs an action that single reads do not.
type batch struct {
	on     atomic.Bool
	denied func(action string)
}

// errAlone sends a read to AWS by itself, since a call for several did not bring it.
var errAlone = &Error{Code: "Alone"}

// waiter prepares a read for the queue.
func (u *upstream) waiter(r *reading) *waiter {
	w := &waiter{query: r.query, most: 1}
	if r.alone || !u.batch.on.Load() {
		return w
	}
	if group, can := u.api.group(r.query); can {
		w.group, w.most = group, u.api.most()
	}
	return w
}

// together reads for w and its company in one call, and serves the company. It returns errAlone if w is to be read by
// itself. Those that the call does not answer are read one by one: each gets the error that is its own.
func (u *upstream) together(ctx context.Context, w *waiter) (Value, *Error) {
	if !u.batch.on.Load() { // it was denied while these waited
		for _, other := range w.company {
			other.serve(Value{}, errAlone)
		}
		return Value{}, errAlone
	}
	queries := []Query{w.query}
	for _, other := range w.company {
		queries = append(queries, other.query)
	}
	values := make([]Value, len(queries))
	first, err := u.call(ctx, func(ctx context.Context) (Value, error) {
		got, err := u.api.getMany(ctx, queries)
		copy(values, got)
		return Value{}, err
	})
	if err != nil && !err.Transient() {
		// A key that the role may not use fails the call, too, and is the affair of one value.
		named := strings.Contains(err.Message, u.api.batchAction())
		if err.Class == Denied && named && u.batch.on.Swap(false) && u.batch.denied != nil {
			u.batch.denied(u.api.batchAction())
		}
		err = errAlone
	}
	for i := range values {
		values[i].Asked = first.Asked
	}
	for i, other := range w.company {
		other.serve(values[i+1], err)
	}
	return part(values[0], err)
}

// serve hands a read its part of a call that another has made.
func (w *waiter) serve(value Value, err *Error) {
	w.served = true
	w.value, w.err = part(value, err)
	close(w.turn)
}

// part is one read's part of what a call for several brought.
func part(value Value, err *Error) (Value, *Error) {
	switch {
	case err == nil && value.Body != nil:
		return value, nil
	case err == nil:
		return Value{}, errAlone
	case err == errAlone:
		return Value{}, err
	}
	own := *err // it gets the name of each read
	return Value{}, &own
}
