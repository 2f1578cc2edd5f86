package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"millrace/interop/lines"
)

const (
	heartbeatTime = 500 * time.Millisecond
	fetchTime     = 100 * time.Millisecond
)

// sharer is one member of a shared group.
type sharer struct {
	voice lines.Voice
	mutex sync.Mutex // sarama reads every partition in a routine of its own.
	holds bool
}

func (s *sharer) Setup(session sarama.ConsumerGroupSession) error {
	s.voice.SayPartitions("assigned", session.Claims())
	return nil
}

func (s *sharer) Cleanup(session sarama.ConsumerGroupSession) error {
	s.voice.SayPartitions("revoked", session.Claims())
	return nil
}

func (s *sharer) ConsumeClaim(session sarama.ConsumerGroupSession,
	claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		s.take(session, message, len(claim.Messages()) == 0)
	}
	return nil
}

// take reads one message, and commits after the last one that is there.
func (s *sharer) take(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage,
	last bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.voice.SayRead(message.Topic, message.Partition, message.Offset)
	if s.holds {
		return
	}
	session.MarkMessage(message, "")
	if last {
		session.Commit()
		s.voice.Say("committed")
	}
}

func (d *driver) sharerConfig(a lines.Arguments) *sarama.Config {
	config := d.config()
	config.Metadata.RefreshFrequency = a.Milliseconds("age")
	config.Consumer.MaxWaitTime = fetchTime
	config.Consumer.Group.Session.Timeout = a.Milliseconds("session")
	config.Consumer.Group.Heartbeat.Interval = heartbeatTime
	config.Consumer.Group.InstanceId = a["instance"]
	if a["reset"] == "latest" {
		config.Consumer.Offsets.Initial = sarama.OffsetNewest
	}
	if a["assignor"] == "roundrobin" {
		config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{
			sarama.NewBalanceStrategyRoundRobin()}
	}
	return config
}

// member is one member of a shared group, until it is told to leave.
func (d *driver) member(a lines.Arguments, _ []lines.Record) ([]string, error) {
	wishes := lines.Wishes()
	group, err := sarama.NewConsumerGroup(d.brokers, a["group"], d.sharerConfig(a))
	if err != nil {
		return nil, err
	}
	s := &sharer{voice: lines.Voice(a["name"])}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Each round is one generation.
		for ctx.Err() == nil {
			if err := group.Consume(ctx, strings.Split(a["topics"], ","), s); err != nil {
				s.voice.SayError(codeOf(err), err)
				return
			}
		}
	}()
	s.obey(group, wishes)
	stop()
	<-ended
	err = group.Close()
	s.voice.Say("left")
	return nil, err
}

// obey does what the member is told until it shall leave.
func (s *sharer) obey(group sarama.ConsumerGroup, wishes <-chan lines.Wish) {
	for wish := range wishes {
		place := map[string][]int32{wish.Topic: {wish.Partition}}
		switch wish.Word {
		case "leave":
			return
		case "hold":
			s.mutex.Lock()
			s.holds = true
			s.mutex.Unlock()
		case "pause":
			group.Pause(place)
		case "resume":
			group.Resume(place)
		}
		s.voice.Say("done", wish.Word)
	}
}
