package access

import "time"

// stamp writes times as RFC 3339 in UTC with milliseconds. Formatting is the dearest part of a line, so what
// lines of one second have in common is kept.
type stamp struct {
	second int64
	prefix []byte // up to the seconds
}

func (s *stamp) appendTo(line []byte, t time.Time) []byte {
	if second := t.Unix(); second != s.second || s.prefix == nil {
		s.second = second
		s.prefix = t.UTC().AppendFormat(s.prefix[:0], "2006-01-02T15:04:05.")
	}
	millis := t.Nanosecond() / int(time.Millisecond)
	line = append(line, s.prefix...)
	return append(line, byte('0'+millis/100), byte('0'+millis/10%10), byte('0'+millis%10), 'Z')
}
