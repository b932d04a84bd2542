package access

// Drain writes all that waits, here and now, and so the same way each time, as a fuzzer needs it.
func (l *Log) Drain() { l.write() }
