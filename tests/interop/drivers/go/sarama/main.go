// A driver for sarama, held to its oldest or to its newest protocol (tests/interop/README.md has
// the lines that go back and forth).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"

	"millrace/interop/lines"
)

const secondsMax = 60 * time.Second

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4,
	"zstd": sarama.CompressionZSTD,
}

var versions = map[string]sarama.KafkaVersion{
	"oldest": sarama.V0_8_2_0, "newest": sarama.MaxVersion,
}

type driver struct {
	brokers []string
	version sarama.KafkaVersion
}

func (d *driver) config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = d.version
	config.Metadata.Retry.Max = 1
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Fetch.Default = 4 << 20
	return config
}

func bytes(data []byte) sarama.Encoder {
	if data == nil {
		return nil
	}
	return sarama.ByteEncoder(data)
}

func (d *driver) produce(a lines.Arguments, records []lines.Record) ([]string, error) {
	config := d.config()
	config.Producer.Compression = codecs[a["codec"]]
	producer, err := sarama.NewSyncProducer(d.brokers, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	sent := make([]*sarama.ProducerMessage, len(records))
	for i, r := range records {
		sent[i] = &sarama.ProducerMessage{Topic: a["topic"], Partition: r.Partition,
			Key: bytes(r.Key), Value: bytes(r.Value)}
		if r.Timestamp > 0 {
			sent[i].Timestamp = time.UnixMilli(r.Timestamp)
		}
		for _, h := range r.Headers {
			header := sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value}
			sent[i].Headers = append(sent[i].Headers, header)
		}
	}
	if err := producer.SendMessages(sent); err != nil {
		return nil, err
	}
	placed := make([]string, len(sent))
	for i, message := range sent {
		placed[i] = fmt.Sprintf("%d\t%d", message.Partition, message.Offset)
	}
	return placed, nil
}

func record(message *sarama.ConsumerMessage) lines.Record {
	found := lines.Record{Partition: message.Partition, Offset: message.Offset, Key: message.Key,
		Value: message.Value, Timestamp: message.Timestamp.UnixMilli()}
	for _, h := range message.Headers {
		found.Headers = append(found.Headers, lines.Header{Name: string(h.Key), Value: h.Value})
	}
	return found
}

// read takes `count` records of a partition from an offset on.
func read(consumer sarama.Consumer, topic string, partition int32, offset int64, count int64) (
	[]lines.Record, error) {
	reader, err := consumer.ConsumePartition(topic, partition, offset)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var found []lines.Record
	late := time.After(secondsMax)
	for int64(len(found)) < count {
		select {
		case message := <-reader.Messages():
			found = append(found, record(message))
		case <-late:
			return nil, errors.New("no record in time")
		}
	}
	return found, nil
}

// withClient does the work with a client that is closed afterwards.
func (d *driver) withClient(work func(sarama.Client) ([]string, error)) ([]string, error) {
	client, err := sarama.NewClient(d.brokers, d.config())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return work(client)
}

func (d *driver) consume(a lines.Arguments, _ []lines.Record) ([]string, error) {
	return d.withClient(func(client sarama.Client) ([]string, error) {
		consumer, err := sarama.NewConsumerFromClient(client)
		if err != nil {
			return nil, err
		}
		defer consumer.Close()
		partitions, err := client.Partitions(a["topic"])
		if err != nil {
			return nil, err
		}
		var found []lines.Record
		for _, partition := range partitions {
			start, err := client.GetOffset(a["topic"], partition, sarama.OffsetOldest)
			if err != nil {
				return nil, err
			}
			end, err := client.GetOffset(a["topic"], partition, sarama.OffsetNewest)
			if err != nil {
				return nil, err
			}
			part, err := read(consumer, a["topic"], partition, sarama.OffsetOldest, end-start)
			if err != nil {
				return nil, err
			}
			found = append(found, part...)
		}
		return lines.Lines(found), nil
	})
}

func (d *driver) fetch(a lines.Arguments, _ []lines.Record) ([]string, error) {
	return d.withClient(func(client sarama.Client) ([]string, error) {
		consumer, err := sarama.NewConsumerFromClient(client)
		if err != nil {
			return nil, err
		}
		defer consumer.Close()
		found, err := read(consumer, a["topic"], int32(a.Number("partition")), a.Number("offset"), 1)
		return lines.Lines(found), err
	})
}

// member takes `count` records of a group's session and commits them.
type member struct {
	count int64
	stop  context.CancelFunc
	found []lines.Record
}

func (m *member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession,
	claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.found = append(m.found, record(message))
		session.MarkMessage(message, "")
		if int64(len(m.found)) == m.count {
			session.Commit()
			m.stop()
			return nil
		}
	}
	return nil
}

func (d *driver) group(a lines.Arguments, _ []lines.Record) ([]string, error) {
	group, err := sarama.NewConsumerGroup(d.brokers, a["group"], d.config())
	if err != nil {
		return nil, err
	}
	defer group.Close()
	ctx, stop := context.WithTimeout(context.Background(), secondsMax)
	defer stop()
	m := &member{count: a.Number("count"), stop: stop}
	if err := group.Consume(ctx, []string{a["topic"]}, m); err != nil {
		return nil, err
	}
	if int64(len(m.found)) < m.count {
		return nil, fmt.Errorf("the session ended after %d records", len(m.found))
	}
	return lines.Lines(m.found), nil
}

func (d *driver) offset(a lines.Arguments, _ []lines.Record) ([]string, error) {
	return d.withClient(func(client sarama.Client) ([]string, error) {
		partition := int32(a.Number("partition"))
		found, err := client.GetOffset(a["topic"], partition, a.Number("timestamp"))
		return lines.Offset(found), err
	})
}

// admin makes a command of something that needs a cluster admin.
func (d *driver) admin(work func(sarama.ClusterAdmin, lines.Arguments) ([]string, error),
) lines.Command {
	return func(a lines.Arguments, _ []lines.Record) ([]string, error) {
		admin, err := sarama.NewClusterAdmin(d.brokers, d.config())
		if err != nil {
			return nil, err
		}
		defer admin.Close()
		return work(admin, a)
	}
}

func committed(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	asked := map[string][]int32{a["topic"]: {0}}
	found, err := admin.ListConsumerGroupOffsets(a["group"], asked)
	if err != nil {
		return nil, err
	}
	block := found.GetBlock(a["topic"], 0)
	if block == nil {
		return lines.Offset(-1), nil
	}
	return lines.Offset(block.Offset), nil
}

func create(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	wanted := &sarama.TopicDetail{NumPartitions: int32(a.Number("partitions")), ReplicationFactor: 1}
	return nil, admin.CreateTopic(a["topic"], wanted, false)
}

func list(admin sarama.ClusterAdmin, _ lines.Arguments) ([]string, error) {
	found, err := admin.ListTopics()
	var names []string
	for name := range found {
		names = append(names, name)
	}
	return names, err
}

func describe(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	found, err := admin.DescribeTopics([]string{a["topic"]})
	if err != nil {
		return nil, err
	}
	if found[0].Err != sarama.ErrNoError {
		return nil, found[0].Err
	}
	return []string{fmt.Sprint(len(found[0].Partitions))}, nil
}

func remove(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	return nil, admin.DeleteTopic(a["topic"])
}

func partitions(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	return nil, admin.CreatePartitions(a["topic"], int32(a.Number("count")), nil, false)
}

func configs(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: a["topic"]}
	found, err := admin.DescribeConfig(resource)
	var entries []string
	for _, entry := range found {
		entries = append(entries, entry.Name+"\t"+entry.Value)
	}
	return entries, err
}

func alter(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	value := a["value"]
	wanted := map[string]*string{a["name"]: &value}
	return nil, admin.AlterConfig(sarama.TopicResource, a["topic"], wanted, false)
}

func alterOne(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	value := a["value"]
	wanted := map[string]sarama.IncrementalAlterConfigsEntry{
		a["name"]: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}
	return nil, admin.IncrementalAlterConfig(sarama.TopicResource, a["topic"], wanted, false)
}

func deleteRecords(admin sarama.ClusterAdmin, a lines.Arguments) ([]string, error) {
	wanted := map[int32]int64{int32(a.Number("partition")): a.Number("offset")}
	return []string{"-"}, admin.DeleteRecords(a["topic"], wanted)
}

func groups(admin sarama.ClusterAdmin, _ lines.Arguments) ([]string, error) {
	found, err := admin.ListConsumerGroups()
	var names []string
	for name := range found {
		names = append(names, name)
	}
	return names, err
}

func codeOf(err error) int16 {
	var failed sarama.ProducerErrors
	if errors.As(err, &failed) && len(failed) > 0 {
		err = failed[0].Err
	}
	var code sarama.KError
	if errors.As(err, &code) {
		return int16(code)
	}
	return -1
}

func main() {
	d := &driver{brokers: os.Args[1:2], version: versions[os.Args[2]]}
	lines.Serve(map[string]lines.Command{
		"hello":   func(lines.Arguments, []lines.Record) ([]string, error) { return nil, nil },
		"produce": d.produce, "consume": d.consume, "fetch": d.fetch, "group": d.group,
		"offset": d.offset, "committed": d.admin(committed), "create": d.admin(create),
		"list": d.admin(list), "describe": d.admin(describe), "delete": d.admin(remove),
		"partitions": d.admin(partitions), "configs": d.admin(configs), "alter": d.admin(alter),
		"alter-one": d.admin(alterOne), "delete-records": d.admin(deleteRecords),
		"groups": d.admin(groups), "member": d.member,
	}, codeOf)
}
