package lines

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Voice is a member's name: it begins every line that the member says.
type Voice string

// Say writes a line at once and whole, for members share a pipe.
func (v Voice) Say(event string, fields ...string) {
	words := append([]string{"*", string(v), event}, fields...)
	if _, err := os.Stdout.WriteString(strings.Join(words, "\t") + "\n"); err != nil {
		panic(err)
	}
}

// SayPartitions says what happened to partitions.
func (v Voice) SayPartitions(event string, partitions map[string][]int32) {
	var places []string
	for topic, numbers := range partitions {
		for _, number := range numbers {
			places = append(places, fmt.Sprintf("%s:%d", topic, number))
		}
	}
	v.Say(event, places...)
}

// SayRead says that a record was read.
func (v Voice) SayRead(topic string, partition int32, offset int64) {
	v.Say("read", fmt.Sprintf("%s:%d", topic, partition), strconv.FormatInt(offset, 10))
}

// SayError says what the client reported, with Kafka's number for it.
func (v Voice) SayError(code int16, err error) {
	text := strings.Join(strings.Fields(err.Error()), " ")
	v.Say("error", strconv.Itoa(int(code)), text)
}

// Milliseconds is an argument that must be a number of milliseconds.
func (a Arguments) Milliseconds(name string) time.Duration {
	return time.Duration(a.Number(name)) * time.Millisecond
}

// Wish is what a member is told to do, with a partition where it is about one.
type Wish struct {
	Word      string
	Topic     string
	Partition int32
}

// Wishes takes lines until the member shall leave; the next one is a command again.
func Wishes() <-chan Wish {
	wishes := make(chan Wish)
	go func() {
		for input.Scan() {
			word, place, _ := strings.Cut(input.Text(), "\t")
			wish := Wish{Word: word}
			if at := strings.LastIndex(place, ":"); at >= 0 {
				wish.Topic = place[:at]
				wish.Partition = int32(Arguments{"number": place[at+1:]}.Number("number"))
			}
			wishes <- wish
			if word == "leave" {
				return
			}
		}
		wishes <- Wish{Word: "leave"}
	}()
	return wishes
}
