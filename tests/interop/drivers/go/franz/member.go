package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/interop/lines"
)

const (
	pollTime       = 100 * time.Millisecond
	fetchTime      = 100 * time.Millisecond // A new partition waits for the fetch of the others.
	heartbeatTime  = 500 * time.Millisecond
	metadataAgeMin = 100 * time.Millisecond
	recordsMax     = 100
)

var balancers = map[string]kgo.GroupBalancer{
	"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

func memberOptions(a lines.Arguments, voice lines.Voice) []kgo.Opt {
	say := func(event string) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			voice.SayPartitions(event, partitions)
		}
	}
	reset := kgo.NewOffset().AtStart()
	if a["reset"] == "latest" {
		reset = kgo.NewOffset().AtEnd()
	}
	options := []kgo.Opt{
		kgo.ConsumerGroup(a["group"]), kgo.ConsumeTopics(strings.Split(a["topics"], ",")...),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.ConsumeResetOffset(reset),
		kgo.SessionTimeout(a.Milliseconds("session")), kgo.HeartbeatInterval(heartbeatTime),
		kgo.MetadataMaxAge(a.Milliseconds("age")), kgo.MetadataMinAge(metadataAgeMin),
		kgo.FetchMaxWait(fetchTime), kgo.OnPartitionsAssigned(say("assigned")),
		kgo.OnPartitionsRevoked(say("revoked")), kgo.OnPartitionsLost(say("revoked")),
	}
	if strings.HasPrefix(a["topics"], "^") {
		options = append(options, kgo.ConsumeRegex())
	}
	if balancer, found := balancers[a["assignor"]]; found {
		options = append(options, kgo.Balancers(balancer))
	}
	if instance, found := a["instance"]; found {
		options = append(options, kgo.InstanceID(instance))
	}
	return options
}

// member is one member of a shared group, until it is told to leave.
func (d *driver) member(a lines.Arguments, _ []lines.Record) ([]string, error) {
	voice := lines.Voice(a["name"])
	wishes := lines.Wishes()
	client, err := d.open(memberOptions(a, voice)...)
	if err != nil {
		return nil, err
	}
	holds := false
	for {
		select {
		case wish := <-wishes:
			switch wish.Word {
			case "leave":
				client.CloseAllowingRebalance()
				voice.Say("left")
				return nil, nil
			case "hold":
				holds = true
			case "pause":
				client.PauseFetchPartitions(map[string][]int32{wish.Topic: {wish.Partition}})
			case "resume":
				client.ResumeFetchPartitions(map[string][]int32{wish.Topic: {wish.Partition}})
			}
			voice.Say("done", wish.Word)
		default:
			if err := turn(client, voice, holds); err != nil {
				voice.SayError(codeOf(err), err)
			}
			client.AllowRebalance()
		}
	}
}

// turn reads and commits what is there.
func turn(client *kgo.Client, voice lines.Voice, holds bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), pollTime)
	defer cancel()
	polled := client.PollRecords(ctx, recordsMax)
	for _, failed := range polled.Errors() {
		if !errors.Is(failed.Err, context.DeadlineExceeded) {
			return failed.Err
		}
	}
	records := polled.Records()
	for _, r := range records {
		voice.SayRead(r.Topic, r.Partition, r.Offset)
	}
	if len(records) == 0 || holds {
		return nil
	}
	ctx, cancel = deadline()
	defer cancel()
	if err := client.CommitRecords(ctx, records...); err != nil {
		return err
	}
	voice.Say("committed")
	return nil
}
