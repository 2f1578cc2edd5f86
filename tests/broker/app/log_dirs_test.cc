// A broker with several log directories: failures, starts without one of them, what is moved by
// hand.
#include <filesystem>
#include <map>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/broker/support.h"
#include "tests/support/fault_file_system.h"

namespace millrace::test {
namespace {

using Catch::Matchers::Contains;
using Values = std::vector<std::string>;

constexpr int32_t kPartitions = 4;

class TwoDirectories {
 public:
  explicit TwoDirectories(size_t shards) {
    // Only their free space is looked up there.
    std::filesystem::create_directory(a());
    std::filesystem::create_directory(b());
    options_ = {.data_directory = a() + "," + b(),
                .shards = shards,
                .properties = {{"metrics.listener", "127.0.0.1:0"}},
                .file_system = &fs};
  }

  std::string a() const { return directory_.path() + "/a"; }
  std::string b() const { return directory_.path() + "/b"; }
  void Start() {
    auto started = EmbeddedBroker::Start(options_);
    INFO(started.status().ToString());
    REQUIRE(started.ok());
    broker_ = *std::move(started);
  }
  absl::Status StartStatus() { return EmbeddedBroker::Start(options_).status(); }
  void Stop() {
    CHECK(broker_->Stop().ok());
    broker_.reset();
  }
  void SetList(std::string list) { options_.data_directory = std::move(list); }
  TestClient Connect() const { return TestClient(broker_->port()); }
  bool IsClean(const std::string& path) { return fs.Exists(path + "/.kafka_cleanshutdown"); }

  FaultFileSystem fs;

 private:
  TemporaryDirectory directory_;
  EmbeddedBrokerOptions options_;
  std::unique_ptr<Broker> broker_;
};

// Each partition of the topic gets one record that names it.
void Fill(TestClient& client, const std::string& topic) {
  for (int32_t p = 0; p < kPartitions; ++p) {
    REQUIRE(Produce(client, topic, p, BatchOf({fmt::format("{}", p)})).error_code ==
            ErrorCode::kNone);
  }
}

void CheckWhole(TestClient& client, const std::string& topic) {
  for (int32_t p = 0; p < kPartitions; ++p) {
    CHECK(ReadAll(client, topic, p) == Values{fmt::format("{}", p)});
  }
}

ErrorCode ProduceError(TestClient& client, const std::string& topic, int32_t partition) {
  return Produce(client, topic, partition, BatchOf({"x"})).error_code;
}

ErrorCode FetchError(TestClient& client, const std::string& topic, int32_t partition) {
  FetchCall call;
  call.Add(topic, partition, 0);
  return client.Call(call.request(), kFetchVersion)->responses[0].partitions[0].error_code;
}

// How many partitions each directory says it has; none: it is offline.
std::map<std::string, std::optional<size_t>> Describe(TestClient& client) {
  std::map<std::string, std::optional<size_t>> counts;
  auto answer = client.Call(wire::DescribeLogDirsRequest{}, 4);
  for (const auto& result : answer->results) {
    auto& count = counts[std::string(result.log_dir)];
    if (result.error_code == ErrorCode::kKafkaStorageError) {
      CHECK(result.topics.size() == 0);
      CHECK_FALSE(result.total_bytes.has_value());
      continue;
    }
    CHECK(result.total_bytes.value_or(0) > 0);
    count = 0;
    for (const auto& topic : result.topics) *count += topic.partitions.size();
  }
  return counts;
}

TEST_CASE("log dirs: partitions are spread over them, and are there after a restart") {
  TwoDirectories two(GENERATE(1, 4));
  two.Start();
  {
    TestClient client = two.Connect();
    CreateTopic(client, "t", kPartitions);
    CreateTopic(client, "single");
    CreateTopic(client, "other");
    auto counts = Describe(client);
    CHECK(counts[two.a()] == 3);
    CHECK(counts[two.b()] == 3);
    Fill(client, "t");
  }
  CHECK(two.fs.Exists(two.a() + "/t-0"));
  CHECK(two.fs.Exists(two.b() + "/t-1"));
  CHECK_FALSE(two.fs.Exists(two.b() + "/t-0"));
  two.Stop();
  CHECK(two.IsClean(two.a()));
  CHECK(two.IsClean(two.b()));
  two.Start();
  TestClient client = two.Connect();
  CheckWhole(client, "t");
  CHECK(DeleteTopic(client, "t") == ErrorCode::kNone);
  CHECK_FALSE(two.fs.Exists(two.b() + "/t-1"));
  two.Stop();
}

TEST_CASE("log dirs: one that fails takes only its own partitions offline") {
  TwoDirectories two(GENERATE(1, 4));
  two.Start();
  {
    TestClient client = two.Connect();
    CreateTopic(client, "t", kPartitions);
    Fill(client, "t");
    two.fs.Inject({.operation = Operation::kSync,
                   .status = absl::InternalError("EIO"),
                   .path_contains = two.b() + "/"});
    CHECK(ProduceError(client, "t", 1) == ErrorCode::kKafkaStorageError);
    // The neighbour hears of it a little later.
    while (FetchError(client, "t", 3) != ErrorCode::kKafkaStorageError) {
    }
    CHECK(ProduceError(client, "t", 3) == ErrorCode::kKafkaStorageError);
    CHECK(ReadAll(client, "t", 0) == Values{"0"});
    CHECK(ReadAll(client, "t", 2) == Values{"2"});
    auto counts = Describe(client);
    CHECK(counts[two.a()] == 2);
    CHECK_FALSE(counts[two.b()].has_value());
    // What is new comes to the one that is left, and what goes does not touch the other.
    CreateTopic(client, "new", kPartitions);
    Fill(client, "new");
    CheckWhole(client, "new");
    CHECK(DeleteTopic(client, "t") == ErrorCode::kNone);
    CHECK(two.fs.Exists(two.b() + "/t-1"));
    CHECK_FALSE(two.fs.Exists(two.a() + "/t-0"));
  }
  two.Stop();
  CHECK(two.IsClean(two.a()));
  CHECK_FALSE(two.IsClean(two.b()));
  two.Start();
  TestClient client = two.Connect();
  CheckWhole(client, "new");
  two.Stop();
}

TEST_CASE("log dirs: every one that fails is no clean shutdown") {
  TwoDirectories two(1);
  two.Start();
  TestClient client = two.Connect();
  CreateTopic(client, "t", kPartitions);
  Fill(client, "t");
  for (const std::string& path : {two.a(), two.b()}) {
    two.fs.Inject({.operation = Operation::kSync,
                   .status = absl::InternalError("EIO"),
                   .path_contains = path + "/t-"});
  }
  for (int32_t p = 0; p < kPartitions; ++p) {
    CHECK(ProduceError(client, "t", p) == ErrorCode::kKafkaStorageError);
  }
}

TEST_CASE("log dirs: without one the others serve, and it comes back with everything") {
  TwoDirectories two(GENERATE(1, 4));
  two.Start();
  {
    TestClient client = two.Connect();
    CreateTopic(client, "t", kPartitions);
    CreateTopic(client, "empty", kPartitions);  // nothing of it is on any disk
    Fill(client, "t");
  }
  two.Stop();
  two.fs.Inject({.operation = Operation::kOpen,
                 .status = absl::InternalError("EIO"),
                 .path_contains = two.b() + "/.lock"});
  two.Start();
  {
    TestClient client = two.Connect();
    for (const char* topic : {"t", "empty"}) {
      CHECK(ProduceError(client, topic, 1) == ErrorCode::kKafkaStorageError);
      CHECK(FetchError(client, topic, 3) == ErrorCode::kKafkaStorageError);
      CHECK(FetchError(client, topic, 0) == ErrorCode::kNone);
    }
    CHECK(ReadAll(client, "t", 2) == Values{"2"});
    CHECK_FALSE(Describe(client)[two.b()].has_value());
    CHECK_FALSE(two.fs.Exists(two.a() + "/t-1"));
  }
  two.Stop();
  two.Start();
  TestClient client = two.Connect();
  CheckWhole(client, "t");
  Fill(client, "empty");
  CheckWhole(client, "empty");
  two.Stop();
}

TEST_CASE("log dirs: the first one is needed, and stays the first") {
  TwoDirectories two(1);
  two.Start();
  two.Stop();
  SECTION("it cannot be opened") {
    two.fs.Inject({.operation = Operation::kOpen,
                   .status = absl::InternalError("EIO"),
                   .path_contains = two.a() + "/.lock"});
    CHECK_FALSE(two.StartStatus().ok());
  }
  SECTION("the order has changed") {
    two.SetList(two.b() + "," + two.a());
    CHECK_THAT(std::string(two.StartStatus().message()), Contains(two.a()) && Contains(two.b()));
  }
  CHECK(two.IsClean(two.b()));
}

TEST_CASE("log dirs: a partition that was moved by hand is served, and its place recorded") {
  TwoDirectories two(1);
  two.Start();
  {
    TestClient client = two.Connect();
    CreateTopic(client, "t", kPartitions);
    Fill(client, "t");
  }
  two.Stop();
  REQUIRE(two.fs.Rename(two.b() + "/t-1", two.a() + "/t-1").ok());
  two.Start();
  {
    TestClient client = two.Connect();
    CheckWhole(client, "t");
    auto counts = Describe(client);
    CHECK(counts[two.a()] == 3);
    CHECK(counts[two.b()] == 1);
  }
  two.Stop();
  // The old place is not needed any more, not even by one that is found nowhere.
  two.fs.Inject({.operation = Operation::kOpen,
                 .status = absl::InternalError("EIO"),
                 .path_contains = two.b() + "/.lock"});
  if (GENERATE(false, true)) REQUIRE(two.fs.RemoveTree(two.a() + "/t-1").ok());
  two.Start();
  {
    TestClient client = two.Connect();
    CHECK(FetchError(client, "t", 1) == ErrorCode::kNone);
    CHECK(FetchError(client, "t", 3) == ErrorCode::kKafkaStorageError);
  }
  two.Stop();
}

TEST_CASE("log dirs: a broker with one directory takes a second, which is not taken away again") {
  TwoDirectories two(1);
  two.SetList(two.a());
  two.Start();
  {
    TestClient client = two.Connect();
    CreateTopic(client, "old", kPartitions);
    Fill(client, "old");
  }
  two.Stop();
  two.SetList(two.a() + "," + two.b());
  two.Start();
  {
    TestClient client = two.Connect();
    CreateTopic(client, "t", kPartitions);
    Fill(client, "t");
    CHECK(Describe(client)[two.b()] == kPartitions);
  }
  two.Stop();
  two.SetList(two.a());
  two.Start();
  TestClient client = two.Connect();
  CheckWhole(client, "old");
  CHECK(FetchError(client, "t", 0) == ErrorCode::kKafkaStorageError);
  CHECK(ProduceError(client, "t", 0) == ErrorCode::kKafkaStorageError);
  CHECK_FALSE(two.fs.Exists(two.a() + "/t-0"));
  two.Stop();
}

}  // namespace
}  // namespace millrace::test
