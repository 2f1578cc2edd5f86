// A driver for franz-go (tests/interop/README.md has the protocol).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/interop/lines"
)

const secondsMax = 60 * time.Second

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

type driver struct {
	bootstrap string
	client    *kgo.Client
	admin     *kadm.Client
}

func deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), secondsMax)
}

func (d *driver) open(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(d.bootstrap))...)
}

func (d *driver) produce(a lines.Arguments, records []lines.Record) ([]string, error) {
	client, err := d.open(kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[a["codec"]]))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	sent := make([]*kgo.Record, len(records))
	for i, r := range records {
		sent[i] = &kgo.Record{Topic: a["topic"], Partition: r.Partition, Key: r.Key, Value: r.Value}
		if r.Timestamp > 0 {
			sent[i].Timestamp = time.UnixMilli(r.Timestamp)
		}
		for _, h := range r.Headers {
			sent[i].Headers = append(sent[i].Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
	}
	ctx, cancel := deadline()
	defer cancel()
	results := client.ProduceSync(ctx, sent...)
	if err := results.FirstErr(); err != nil {
		return nil, err
	}
	placed := make([]string, len(sent))
	for i, r := range sent {
		placed[i] = fmt.Sprintf("%d\t%d", r.Partition, r.Offset)
	}
	return placed, nil
}

func record(r *kgo.Record) lines.Record {
	found := lines.Record{Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value,
		Timestamp: r.Timestamp.UnixMilli()}
	for _, h := range r.Headers {
		found.Headers = append(found.Headers, lines.Header{Name: h.Key, Value: h.Value})
	}
	return found
}

// read polls until it has `count` records.
func read(client *kgo.Client, count int) ([]*kgo.Record, error) {
	ctx, cancel := deadline()
	defer cancel()
	var found []*kgo.Record
	for len(found) < count {
		polled := client.PollRecords(ctx, count-len(found))
		if err := polled.Err(); err != nil {
			return nil, err
		}
		found = append(found, polled.Records()...)
	}
	return found, nil
}

func answer(records []*kgo.Record) []string {
	found := make([]lines.Record, len(records))
	for i, r := range records {
		found[i] = record(r)
	}
	return lines.Lines(found)
}

func (d *driver) readFrom(topic string, offsets map[int32]kgo.Offset, count int) ([]string, error) {
	client, err := d.open(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	found, err := read(client, count)
	return answer(found), err
}

func (d *driver) consume(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	starts, err := d.admin.ListStartOffsets(ctx, a["topic"])
	if err != nil {
		return nil, err
	}
	ends, err := d.admin.ListEndOffsets(ctx, a["topic"])
	if err != nil {
		return nil, err
	}
	count, from := 0, map[int32]kgo.Offset{}
	starts.Each(func(start kadm.ListedOffset) {
		end, _ := ends.Lookup(start.Topic, start.Partition)
		count += int(end.Offset - start.Offset)
		from[start.Partition] = kgo.NewOffset().AtStart()
	})
	return d.readFrom(a["topic"], from, count)
}

func (d *driver) fetch(a lines.Arguments, _ []lines.Record) ([]string, error) {
	from := kgo.NewOffset().At(a.Number("offset"))
	partition := int32(a.Number("partition"))
	return d.readFrom(a["topic"], map[int32]kgo.Offset{partition: from}, 1)
}

func (d *driver) group(a lines.Arguments, _ []lines.Record) ([]string, error) {
	client, err := d.open(kgo.ConsumeTopics(a["topic"]), kgo.ConsumerGroup(a["group"]),
		kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	found, err := read(client, int(a.Number("count")))
	if err != nil {
		return nil, err
	}
	ctx, cancel := deadline()
	defer cancel()
	if err := client.CommitRecords(ctx, found...); err != nil {
		return nil, err
	}
	return answer(found), client.LeaveGroupContext(ctx)
}

func (d *driver) committed(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	offsets, err := d.admin.FetchOffsets(ctx, a["group"])
	if err != nil {
		return nil, err
	}
	found, exists := offsets.Lookup(a["topic"], 0)
	if !exists {
		return lines.Offset(-1), nil
	}
	return lines.Offset(found.At), found.Err
}

func (d *driver) offset(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	var listed kadm.ListedOffsets
	var err error
	switch timestamp := a.Number("timestamp"); timestamp {
	case -2:
		listed, err = d.admin.ListStartOffsets(ctx, a["topic"])
	case -1:
		listed, err = d.admin.ListEndOffsets(ctx, a["topic"])
	default:
		listed, err = d.admin.ListOffsetsAfterMilli(ctx, timestamp, a["topic"])
	}
	if err != nil {
		return nil, err
	}
	found, _ := listed.Lookup(a["topic"], int32(a.Number("partition")))
	// For "no such record" kadm gives the end, and no timestamp.
	if a.Number("timestamp") >= 0 && found.Timestamp < 0 {
		return lines.Offset(-1), found.Err
	}
	return lines.Offset(found.Offset), found.Err
}

func (d *driver) create(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	_, err := d.admin.CreateTopic(ctx, int32(a.Number("partitions")), 1, nil, a["topic"])
	return nil, err
}

func (d *driver) list(lines.Arguments, []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	found, err := d.admin.ListTopics(ctx)
	return found.Names(), err
}

func (d *driver) describe(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	found, err := d.admin.ListTopics(ctx, a["topic"])
	if err != nil {
		return nil, err
	}
	topic := found[a["topic"]]
	return []string{fmt.Sprint(len(topic.Partitions))}, topic.Err
}

func (d *driver) remove(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	found, err := d.admin.DeleteTopics(ctx, a["topic"])
	if err != nil {
		return nil, err
	}
	return nil, found.Error()
}

func (d *driver) partitions(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	found, err := d.admin.UpdatePartitions(ctx, int(a.Number("count")), a["topic"])
	if err != nil {
		return nil, err
	}
	return nil, found.Error()
}

func (d *driver) configs(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	described, err := d.admin.DescribeTopicConfigs(ctx, a["topic"])
	if err != nil {
		return nil, err
	}
	found, err := described.On(a["topic"], nil)
	if err != nil {
		return nil, err
	}
	var entries []string
	for _, config := range found.Configs {
		entries = append(entries, config.Key+"\t"+config.MaybeValue())
	}
	return entries, found.Err
}

func (d *driver) alter(change func(context.Context, []kadm.AlterConfig, ...string) (
	kadm.AlterConfigsResponses, error)) lines.Command {
	return func(a lines.Arguments, _ []lines.Record) ([]string, error) {
		ctx, cancel := deadline()
		defer cancel()
		value := a["value"]
		wanted := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: a["name"], Value: &value}}
		found, err := change(ctx, wanted, a["topic"])
		if err != nil {
			return nil, err
		}
		on, err := found.On(a["topic"], nil)
		if err != nil {
			return nil, err
		}
		return nil, on.Err
	}
}

func (d *driver) deleteRecords(a lines.Arguments, _ []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	partition := int32(a.Number("partition"))
	wanted := kadm.Offsets{}
	wanted.AddOffset(a["topic"], partition, a.Number("offset"), -1)
	responses, err := d.admin.DeleteRecords(ctx, wanted)
	if err != nil {
		return nil, err
	}
	found, _ := responses.Lookup(a["topic"], partition)
	return lines.Offset(found.LowWatermark), found.Err
}

func (d *driver) groups(lines.Arguments, []lines.Record) ([]string, error) {
	ctx, cancel := deadline()
	defer cancel()
	found, err := d.admin.ListGroups(ctx)
	return found.Groups(), err
}

func codeOf(err error) int16 {
	var refused *kerr.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return -1
}

func main() {
	d := &driver{bootstrap: os.Args[1]}
	client, err := d.open()
	if err != nil {
		panic(err)
	}
	d.client, d.admin = client, kadm.NewClient(client)
	lines.Serve(map[string]lines.Command{
		"hello":   func(lines.Arguments, []lines.Record) ([]string, error) { return nil, nil },
		"produce": d.produce, "consume": d.consume, "fetch": d.fetch, "group": d.group,
		"committed": d.committed, "offset": d.offset, "create": d.create, "list": d.list,
		"describe": d.describe, "delete": d.remove, "partitions": d.partitions,
		"configs": d.configs, "alter": d.alter(d.admin.AlterTopicConfigsState),
		"alter-one": d.alter(d.admin.AlterTopicConfigs), "delete-records": d.deleteRecords,
		"groups": d.groups, "member": d.member,
	}, codeOf)
}
