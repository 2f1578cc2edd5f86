// rdkafka_load: drives a broker with librdkafka, a client that is not ours, for matrix.py.
//
//   rdkafka_load produce --bootstrap 127.0.0.1:9092 --topic bench --producers 64
//       as fast as they can, with the client's defaults
//   rdkafka_load latency --bootstrap 127.0.0.1:9092 --topic bench --rate 1000 --acks 1
//       a producer at a constant rate and a consumer that waits; a record's time begins when it
//       should have been sent, so that a stall counts for all that it has kept waiting
//
// Prints `begin` and `end` around the measured window, then a line of JSON.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "bench/system/fatal.h"

namespace millrace::bench {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr int kPollMs = 20;
// All producers of a process share what one of them would queue for itself.
constexpr int kQueuedRecords = 100'000;
constexpr int kQueuedRecordsMin = 4'000;
constexpr int kConsumerWaitMs = 200;

struct Options {
  std::string bootstrap;
  std::string topic;
  int producers = 1;
  int rate = 1000;
  std::string acks;  // empty: the client's default
  size_t record_bytes = 1024;
  double warmup_seconds = 0.5;
  double seconds = 2;
};

using Settings = std::vector<std::pair<std::string, std::string>>;

uint64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

void SleepUntil(uint64_t ns) {
  timespec until{.tv_sec = static_cast<time_t>(ns / kNsPerSecond),
                 .tv_nsec = static_cast<long>(ns % kNsPerSecond)};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

uint64_t Nanoseconds(double seconds) { return static_cast<uint64_t>(seconds * kNsPerSecond); }

void Say(const char* line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void OnDelivered(rd_kafka_t*, const rd_kafka_message_t* message, void* counter) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Die(std::string("a record was not delivered: ") + rd_kafka_err2str(message->err));
  }
  static_cast<std::atomic<uint64_t>*>(counter)->fetch_add(1, std::memory_order_relaxed);
}

rd_kafka_t* NewClient(rd_kafka_type_t kind, const Options& options, const Settings& settings,
                      std::atomic<uint64_t>* delivered) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[512];
  auto set = [&](const std::string& name, const std::string& value) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) !=
        RD_KAFKA_CONF_OK) {
      Die(error);
    }
  };
  set("bootstrap.servers", options.bootstrap);
  for (const auto& [name, value] : settings) set(name, value);
  if (delivered != nullptr) {
    rd_kafka_conf_set_opaque(conf, delivered);
    rd_kafka_conf_set_dr_msg_cb(conf, OnDelivered);
  }
  rd_kafka_t* client = rd_kafka_new(kind, conf, error, sizeof(error));
  if (client == nullptr) Die(error);
  return client;
}

rd_kafka_topic_t* NewTopic(rd_kafka_t* client, const std::string& name) {
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client, name.c_str(), nullptr);
  if (topic == nullptr) Die("the topic cannot be used");
  return topic;
}

// False: the client's queue is full.
bool Send(rd_kafka_topic_t* topic, std::vector<char>& value, int flags) {
  if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, flags, value.data(), value.size(), nullptr, 0,
                       nullptr) == 0) {
    return true;
  }
  rd_kafka_resp_err_t error = rd_kafka_last_error();
  if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) Die(rd_kafka_err2str(error));
  return false;
}

[[noreturn]] void ProduceForever(const Options& options, std::atomic<uint64_t>* delivered) {
  int queued = std::max(kQueuedRecords / options.producers, kQueuedRecordsMin);
  rd_kafka_t* client =
      NewClient(RD_KAFKA_PRODUCER, options,
                {{"queue.buffering.max.messages", std::to_string(queued)}}, delivered);
  rd_kafka_topic_t* topic = NewTopic(client, options.topic);
  std::vector<char> value(options.record_bytes, 'x');
  for (uint64_t sent = 0;; ++sent) {
    while (!Send(topic, value, 0)) rd_kafka_poll(client, kPollMs);
    if (sent % 256 == 0) rd_kafka_poll(client, 0);
  }
}

// The threads end with the process: what is queued at the end is nobody's.
[[noreturn]] void Produce(const Options& options) {
  std::atomic<uint64_t> delivered = 0;
  for (int i = 0; i < options.producers; ++i) {
    std::thread(ProduceForever, options, &delivered).detach();
  }
  uint64_t start_ns = NowNs() + Nanoseconds(options.warmup_seconds);
  SleepUntil(start_ns);
  Say("begin");
  uint64_t before = delivered.load();
  start_ns = NowNs();
  SleepUntil(start_ns + Nanoseconds(options.seconds));
  uint64_t records = delivered.load() - before;
  double seconds = static_cast<double>(NowNs() - start_ns) / kNsPerSecond;
  Say("end");
  Say(fmt::format(R"({{"seconds":{:.4f},"records":{},"bytes":{},"producers":{}}})", seconds,
                  records, records * options.record_bytes, options.producers)
          .c_str());
  std::_Exit(0);
}

struct Stamp {
  uint64_t due_ns;
  uint64_t in_window;  // 0 while warming up
};

class Receiver {
 public:
  Receiver(const Options& options, size_t expected)
      : client_(NewClient(RD_KAFKA_CONSUMER, options, {{"socket.nagle.disable", "true"}}, nullptr)),
        topic_(NewTopic(client_, options.topic)),
        expected_(expected) {
    latencies_.reserve(expected);
    if (rd_kafka_consume_start(topic_, 0, RD_KAFKA_OFFSET_BEGINNING) != 0) Die("cannot consume");
  }

  // Until all that were expected are there, or nothing has come for ten seconds.
  void Run() {
    for (int idle = 0; latencies_.size() < expected_;) {
      rd_kafka_message_t* message = rd_kafka_consume(topic_, 0, kConsumerWaitMs);
      if (message == nullptr) {
        if (++idle == 10'000 / kConsumerWaitMs) return;
        continue;
      }
      idle = 0;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) Take(*message);
      rd_kafka_message_destroy(message);
    }
  }

  std::vector<uint64_t>& latencies() { return latencies_; }
  bool is_ready() const { return received_.load() > 0; }

 private:
  void Take(const rd_kafka_message_t& message) {
    Stamp stamp;
    if (message.len < sizeof(stamp)) Die("a record that nobody has sent");
    std::memcpy(&stamp, message.payload, sizeof(stamp));
    if (stamp.in_window != 0) latencies_.push_back(NowNs() - stamp.due_ns);
    received_.fetch_add(1);
  }

  rd_kafka_t* client_;
  rd_kafka_topic_t* topic_;
  size_t expected_;
  std::vector<uint64_t> latencies_;
  std::atomic<uint64_t> received_ = 0;
};

class Sender {
 public:
  explicit Sender(const Options& options)
      : client_(NewClient(
            RD_KAFKA_PRODUCER, options,
            {{"acks", options.acks}, {"linger.ms", "0"}, {"socket.nagle.disable", "true"}},
            &delivered_)),
        topic_(NewTopic(client_, options.topic)),
        value_(std::max(options.record_bytes, sizeof(Stamp)), 'x'),
        rate_(static_cast<uint64_t>(options.rate)) {}

  void Run(uint64_t records, bool in_window) {
    uint64_t start_ns = NowNs();
    for (uint64_t i = 0; i < records; ++i) {
      uint64_t due_ns = start_ns + i * kNsPerSecond / rate_;
      if (NowNs() < due_ns) SleepUntil(due_ns);
      Stamp stamp{.due_ns = due_ns, .in_window = in_window ? 1U : 0U};
      std::memcpy(value_.data(), &stamp, sizeof(stamp));
      while (!Send(topic_, value_, RD_KAFKA_MSG_F_COPY)) rd_kafka_poll(client_, kPollMs);
      rd_kafka_poll(client_, 0);
    }
  }

 private:
  std::atomic<uint64_t> delivered_ = 0;
  rd_kafka_t* client_;
  rd_kafka_topic_t* topic_;
  std::vector<char> value_;
  uint64_t rate_;
};

[[noreturn]] void Latency(const Options& options) {
  auto records = static_cast<uint64_t>(options.rate * options.seconds);
  Receiver receiver(options, records);
  Sender sender(options);
  std::thread receiving([&] { receiver.Run(); });
  uint64_t deadline_ns = NowNs() + 10 * kNsPerSecond;
  while (!receiver.is_ready()) {  // both have found the broker
    if (NowNs() > deadline_ns) Die("no record has arrived in ten seconds");
    sender.Run(1, false);
    SleepUntil(NowNs() + kNsPerSecond / 100);
  }
  sender.Run(static_cast<uint64_t>(options.rate * options.warmup_seconds), false);
  Say("begin");
  sender.Run(records, true);
  Say("end");
  receiving.join();
  std::vector<uint64_t>& latencies = receiver.latencies();
  if (latencies.size() != records) {
    Die(fmt::format("{} of {} records arrived", latencies.size(), records));
  }
  std::sort(latencies.begin(), latencies.end());
  auto quantile = [&](double part) {
    auto at = static_cast<size_t>(part * static_cast<double>(latencies.size()));
    return static_cast<double>(latencies[std::min(at, latencies.size() - 1)]) / 1e3;
  };
  Say(fmt::format(R"({{"seconds":{:.4f},"records":{},"requests":{},"bytes":{},"rate":{},)"
                  R"("p50_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f},"max_us":{:.1f}}})",
                  options.seconds, records, records, records * options.record_bytes, options.rate,
                  quantile(0.5), quantile(0.99), quantile(0.999), quantile(1))
          .c_str());
  std::_Exit(0);
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  millrace::bench::Options options;
  CLI::App app("Drives a broker with librdkafka");
  app.require_subcommand(1);
  CLI::App* produce = app.add_subcommand("produce", "As fast as the client can");
  CLI::App* latency = app.add_subcommand("latency", "From a producer to a consumer that waits");
  for (CLI::App* command : {produce, latency}) {
    command->add_option("--bootstrap", options.bootstrap)->required();
    command->add_option("--topic", options.topic)->required();
    command->add_option("--record-bytes", options.record_bytes);
    command->add_option("--warmup", options.warmup_seconds);
    command->add_option("--seconds", options.seconds);
  }
  produce->add_option("--producers", options.producers)->check(CLI::Range(1, 1000));
  latency->add_option("--rate", options.rate, "Records a second")->check(CLI::Range(1, 1'000'000));
  latency->add_option("--acks", options.acks)->required();
  CLI11_PARSE(app, argc, argv);
  if (produce->parsed()) millrace::bench::Produce(options);
  millrace::bench::Latency(options);
}
