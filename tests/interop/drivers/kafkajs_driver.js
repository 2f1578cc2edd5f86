// A driver for kafkajs (tests/interop/README.md has the protocol).
'use strict'

const { writeFileSync } = require('fs')
const readline = require('readline')
const {
  CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel,
} = require('kafkajs')
const lz4 = require('lz4js')
const xxhash = require('lz4js/xxh32')
const snappyCodec = require('kafkajs-snappy')
const { ZstdCodec } = require('zstd-codec')
const member = require('./kafkajs_member')

const OFFSET_OF_FLAGS = 4
const BLOCKS_ARE_INDEPENDENT = 0x20
const TOPIC_ALREADY_EXISTS = 36
const SECONDS_MAX = 60

const kafka = new Kafka({
  brokers: [process.argv[2]],
  logLevel: logLevel.NOTHING,
  retry: { retries: 3, initialRetryTime: 50 },
})
let groupNumber = 0

// kafkajs itself has gzip only, and lets others be plugged in.
CompressionCodecs[CompressionTypes.Snappy] = snappyCodec
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  async compress(encoder) {
    const frame = Buffer.from(lz4.compress(encoder.buffer))
    // Kafka takes independent blocks only; a frame of one block is nothing else.
    frame[OFFSET_OF_FLAGS] |= BLOCKS_ARE_INDEPENDENT
    frame[OFFSET_OF_FLAGS + 2] = xxhash.hash(0, frame, OFFSET_OF_FLAGS, 2) >> 8
    return frame
  },
  async decompress(buffer) {
    return Buffer.from(lz4.decompress(buffer))
  },
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  async compress(encoder) {
    return Buffer.from((await zstd()).compress(encoder.buffer))
  },
  async decompress(buffer) {
    return Buffer.from((await zstd()).decompress(buffer))
  },
})

function zstd() {
  return new Promise(resolve => ZstdCodec.run(codec => resolve(new codec.Streaming())))
}

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

class Refused extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

const decode = field => (field === '-' ? null : Buffer.from(field, 'base64'))
const encode = data => (data == null ? '-' : Buffer.from(data).toString('base64'))

function parseRecord(line) {
  const [partition, timestamp, key, value, headers] = line.split('\t')
  const record = { partition: Number(partition), key: decode(key), value: decode(value) }
  if (timestamp !== '-') record.timestamp = timestamp
  record.headers = {}
  for (const header of headers.split(',').filter(Boolean)) {
    const [name, data] = header.split(':')
    const text = decode(name).toString()
    record.headers[text] = [...(record.headers[text] || []), decode(data)]
  }
  return record
}

function recordLine({ partition, message }) {
  const headers = Object.entries(message.headers || {}).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map(data => `${encode(name)}:${encode(data)}`))
  return [partition, message.offset, message.timestamp, encode(message.key),
    encode(message.value), headers.join(',')].join('\t')
}

async function withAdmin(work) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

async function produce({ topic, codec, records }) {
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  try {
    const messages = records.map(parseRecord)
    const answers = await producer.send({ topic, compression: CODECS[codec], messages })
    // The answer has a base offset per partition: what was sent there follows it in order.
    const next = new Map(answers.map(a => [a.partition, Number(a.baseOffset)]))
    return messages.map(({ partition }) => {
      const offset = next.get(partition)
      next.set(partition, offset + 1)
      return `${partition}\t${offset}`
    })
  } finally {
    await producer.disconnect()
  }
}

// There is no consuming without a group. Ends after `count` messages.
async function read({ topic, group, count, seek, commit }) {
  const consumer = kafka.consumer({
    groupId: group || `unused-${process.pid}-${++groupNumber}`,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false,
  })
  await consumer.connect()
  const found = []
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error('no record in time')), SECONDS_MAX * 1000).unref()
      consumer.on(consumer.events.CRASH, event => reject(event.payload.error))
      const eachMessage = async ({ partition, message }) => {
        if (found.length >= count) return
        found.push({ partition, message })
        if (found.length < count) return
        if (commit) {
          const offset = String(BigInt(message.offset) + 1n)
          await consumer.commitOffsets([{ topic, partition, offset }])
        }
        resolve()
      }
      consumer.run({ autoCommit: false, eachMessage }).catch(reject)
      if (seek) consumer.seek(seek)
    })
  } finally {
    await consumer.disconnect()
  }
  return found.map(recordLine)
}

async function consume({ topic }) {
  const ends = await withAdmin(admin => admin.fetchTopicOffsets(topic))
  const count = ends.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0)
  return read({ topic, count })
}

let nextLine

const commands = {
  hello: () => [require('kafkajs/package.json').version],
  produce,
  consume,
  fetch: ({ topic, partition, offset }) =>
    read({ topic, count: 1, seek: { topic, partition: Number(partition), offset } }),
  group: ({ topic, group, count }) => read({ topic, group, count: Number(count), commit: true }),
  committed: ({ topic, group }) => withAdmin(async admin => {
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    const { offset } = found.partitions.find(({ partition }) => partition === 0)
    return [offset === '-1' ? '-' : offset]
  }),
  offset: ({ topic, partition, timestamp }) => withAdmin(async admin => {
    const here = entry => entry.partition === Number(partition)
    const { low, high } = (await admin.fetchTopicOffsets(topic)).find(here)
    if (Number(timestamp) < 0) return [timestamp === '-2' ? low : high]
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, Number(timestamp))
    // For "no such record" kafkajs gives the end, which is no record's offset.
    const { offset } = found.find(here)
    return [offset === high ? '-' : offset]
  }),
  create: ({ topic, partitions }) => withAdmin(async admin => {
    const topics = [{ topic, numPartitions: Number(partitions), replicationFactor: 1 }]
    const created = await admin.createTopics({ topics, waitForLeaders: true })
    if (!created) throw new Refused(TOPIC_ALREADY_EXISTS, 'the topic exists')
  }),
  list: () => withAdmin(admin => admin.listTopics()),
  describe: ({ topic }) => withAdmin(async admin => {
    const { topics: [found] } = await admin.fetchTopicMetadata({ topics: [topic] })
    return [found.partitions.length]
  }),
  delete: ({ topic }) => withAdmin(admin => admin.deleteTopics({ topics: [topic] })),
  partitions: ({ topic, count }) => withAdmin(admin =>
    admin.createPartitions({ topicPartitions: [{ topic, count: Number(count) }] })),
  configs: ({ topic }) => withAdmin(async admin => {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }]
    const { resources: [found] } = await admin.describeConfigs({ resources })
    return found.configEntries.map(entry => `${entry.configName}\t${entry.configValue}`)
  }),
  alter: ({ topic, name, value }) => withAdmin(admin => admin.alterConfigs({
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }],
  })),
  'delete-records': ({ topic, partition, offset }) => withAdmin(async admin => {
    await admin.fetchTopicOffsets(topic) // kafkajs must know the leaders beforehand.
    const partitions = [{ partition: Number(partition), offset }]
    await admin.deleteTopicRecords({ topic, partitions })
    return ['-']
  }),
  member: settings => member(kafka, settings, nextLine),
  groups: () => withAdmin(async admin =>
    (await admin.listGroups()).groups.map(({ groupId }) => groupId)),
}

// kafkajs wraps errors in one another.
function codeOf(error) {
  for (let at = error; at; at = (at.errors && at.errors[0]) || at.cause || at.originalError) {
    if (Number.isInteger(at.code)) return at.code
  }
  return -1
}

async function run(line) {
  const [name, ...rest] = line.split('\t')
  const options = Object.fromEntries(rest.map(argument => {
    const at = argument.indexOf('=')
    return [argument.slice(0, at), argument.slice(at + 1)]
  }))
  if (options.records !== undefined) {
    const count = Number(options.records)
    options.records = []
    while (options.records.length < count) options.records.push(await nextLine())
  }
  try {
    const fields = (await commands[name](options)) || []
    const answer = Array.isArray(fields) ? fields : []
    return [...answer.map(field => `+\t${field}`), 'ok']
  } catch (error) {
    console.error(error)
    return [`error\t${codeOf(error)}\t${String(error).replace(/\s+/g, ' ')}`]
  }
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  nextLine = async () => (await lines.next()).value
  for (let line = await nextLine(); line !== undefined; line = await nextLine()) {
    writeFileSync(1, (await run(line)).join('\n') + '\n')
  }
  process.exit(0)
}

main()
