// A member of a shared group with kafkajs (tests/interop/README.md has the protocol).
'use strict'

const { writeSync } = require('fs')
const { PartitionAssigners } = require('kafkajs')

const HEARTBEAT_MS = 500
const FETCH_WAIT_MS = 100
const RETRIES = 10

// What a member says, a line at once and whole: members share a pipe.
class Voice {
  constructor(name) {
    this.name = name
  }

  say(event, ...fields) {
    writeSync(1, ['*', this.name, event, ...fields].join('\t') + '\n')
  }
}

const places = assignment => Object.entries(assignment).flatMap(([topic, partitions]) =>
  partitions.map(partition => `${topic}:${partition}`))

// kafkajs says when it has joined and when it will join anew; between the two it owns partitions.
function tellOwnership(consumer, voice) {
  let owned = []
  const disown = () => {
    if (owned.length > 0) voice.say('revoked', ...owned)
    owned = []
  }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    disown()
    owned = places(payload.memberAssignment)
    voice.say('assigned', ...owned)
  })
  consumer.on(consumer.events.REBALANCING, disown)
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) voice.say('error', -1, String(payload.error).replace(/\s+/g, ' '))
  })
  return disown
}

async function obey(consumer, voice, state, nextLine) {
  for (let line = await nextLine(); line !== undefined; line = await nextLine()) {
    const [word, place] = line.split('\t')
    if (word === 'leave') return
    if (word === 'hold') {
      state.holds = true
    } else {
      const at = place.lastIndexOf(':')
      consumer[word]([{ topic: place.slice(0, at), partitions: [Number(place.slice(at + 1))] }])
    }
    voice.say('done', word)
  }
}

module.exports = async function member(kafka, settings, nextLine) {
  const voice = new Voice(settings.name)
  const state = { holds: false }
  const consumer = kafka.consumer({
    groupId: settings.group,
    sessionTimeout: Number(settings.session),
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    metadataMaxAge: Number(settings.age),
    allowAutoTopicCreation: false,
    partitionAssigners: [PartitionAssigners.roundRobin],
    retry: { retries: RETRIES },
  })
  const disown = tellOwnership(consumer, voice)
  await consumer.connect()
  await consumer.subscribe({
    topics: settings.topics.split(',').map(topic =>
      (topic.startsWith('^') ? new RegExp(topic) : topic)),
    fromBeginning: settings.reset === 'earliest',
  })
  const eachBatch = async ({ batch: { topic, partition, messages }, resolveOffset, heartbeat }) => {
    for (const { offset } of messages) {
      voice.say('read', `${topic}:${partition}`, offset)
      resolveOffset(offset)
    }
    if (!state.holds) {
      const offset = String(BigInt(messages[messages.length - 1].offset) + 1n)
      await consumer.commitOffsets([{ topic, partition, offset }])
      voice.say('committed')
    }
    await heartbeat()
  }
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch })
  await obey(consumer, voice, state, nextLine)
  disown()
  await consumer.disconnect()
  voice.say('left')
}
