// Package lines is what the drivers in Go share: commands come in as lines, answers go out as
// lines (tests/interop/README.md has the protocol).
package lines

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const lineBytesMax = 16 << 20

var input = bufio.NewScanner(os.Stdin)

// Arguments are a command's, by name.
type Arguments map[string]string

// Number is an argument that must be a number.
func (a Arguments) Number(name string) int64 {
	number, err := strconv.ParseInt(a[name], 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return number
}

// Header is one header of a record; a nil Value is null.
type Header struct {
	Name  string
	Value []byte
}

// Record is a record on its way to or from the broker. Timestamp is in ms, 0: none.
type Record struct {
	Partition int32
	Offset    int64
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Refused is the broker's refusal, with Kafka's number for it.
type Refused struct {
	Code    int16
	Message string
}

func (r Refused) Error() string { return fmt.Sprintf("%d: %s", r.Code, r.Message) }

// Command does one command and returns the lines of its answer.
type Command func(Arguments, []Record) ([]string, error)

func decode(field string) []byte {
	if field == "-" {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(field)
	if err != nil {
		panic(err)
	}
	return append([]byte{}, data...) // Empty is not null.
}

func encode(data []byte) string {
	if data == nil {
		return "-"
	}
	return base64.StdEncoding.EncodeToString(data)
}

func parse(line string) Record {
	fields := strings.Split(line, "\t")
	partition, err := strconv.Atoi(fields[0])
	if err != nil {
		panic(err)
	}
	record := Record{Partition: int32(partition), Key: decode(fields[2]), Value: decode(fields[3])}
	if fields[1] != "-" {
		record.Timestamp = Arguments{"timestamp": fields[1]}.Number("timestamp")
	}
	for _, header := range strings.Split(fields[4], ",") {
		if name, value, found := strings.Cut(header, ":"); found {
			record.Headers = append(record.Headers, Header{string(decode(name)), decode(value)})
		}
	}
	return record
}

// Line is a record as an answer.
func (r Record) Line() string {
	headers := make([]string, len(r.Headers))
	for i, header := range r.Headers {
		headers[i] = encode([]byte(header.Name)) + ":" + encode(header.Value)
	}
	timestamp := "-"
	if r.Timestamp > 0 {
		timestamp = strconv.FormatInt(r.Timestamp, 10)
	}
	return fmt.Sprintf("%d\t%d\t%s\t%s\t%s\t%s", r.Partition, r.Offset, timestamp, encode(r.Key),
		encode(r.Value), strings.Join(headers, ","))
}

// Lines are the lines of many records.
func Lines(records []Record) []string {
	answer := make([]string, len(records))
	for i, record := range records {
		answer[i] = record.Line()
	}
	return answer
}

// Offset is an offset as an answer: "-" is none.
func Offset(offset int64) []string {
	if offset < 0 {
		return []string{"-"}
	}
	return []string{strconv.FormatInt(offset, 10)}
}

// Serve answers commands until there are no more. codeOf finds Kafka's number of an error.
func Serve(commands map[string]Command, codeOf func(error) int16) {
	input.Buffer(nil, lineBytesMax)
	output := bufio.NewWriter(os.Stdout)
	for input.Scan() {
		words := strings.Split(input.Text(), "\t")
		arguments := Arguments{}
		for _, word := range words[1:] {
			name, value, _ := strings.Cut(word, "=")
			arguments[name] = value
		}
		var records []Record
		if _, found := arguments["records"]; found {
			for left := arguments.Number("records"); left > 0 && input.Scan(); left-- {
				records = append(records, parse(input.Text()))
			}
		}
		command, found := commands[words[0]]
		if !found {
			panic("unknown command " + words[0])
		}
		answer, err := command(arguments, records)
		if err != nil {
			text := strings.Join(strings.Fields(err.Error()), " ")
			fmt.Fprintf(output, "error\t%d\t%s\n", codeOf(err), text)
		} else {
			for _, line := range answer {
				fmt.Fprintf(output, "+\t%s\n", line)
			}
			fmt.Fprintln(output, "ok")
		}
		output.Flush()
	}
}
