#include "broker/app/config.h"

#include <algorithm>
#include <filesystem>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/support/temporary_directory.h"

namespace millrace {
namespace {

using Catch::Matchers::Contains;
using Paths = std::vector<std::string>;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

bool Warns(const BrokerConfig& config, const std::string& what) {
  return std::any_of(config.warnings.begin(), config.warnings.end(),
                     [&](const auto& warning) { return warning.find(what) != std::string::npos; });
}

TEST_CASE("properties file: a line without a separator is refused with its number") {
  auto values = ParsePropertiesFile("a=1\n\nnonsense\n");
  REQUIRE_FALSE(values.ok());
  CHECK_THAT(Message(values.status()), Contains("line 3") && Contains("nonsense"));
}

TEST_CASE("properties file: comments, blanks, both separators and continued lines") {
  auto values = ParsePropertiesFile(
      "# comment\n! another\r\n\n  a = 1 \r\nb:2\nc=x=y:z\nlong=one,\\\n   two\n  # not = "
      "set\nempty=\n"
      "last=end");
  REQUIRE(values.ok());
  std::vector<NameAndValue> expected{{"a", "1"},          {"b", "2"},    {"c", "x=y:z"},
                                     {"long", "one,two"}, {"empty", ""}, {"last", "end"}};
  CHECK(*values == expected);
  CHECK(ParsePropertiesFile("")->empty());
}

TEST_CASE("properties file: a backslash at the very end continues nothing") {
  auto values = ParsePropertiesFile("a=1\\");
  REQUIRE(values.ok());
  CHECK(*values == std::vector<NameAndValue>{{"a", "1"}});
}

TEST_CASE("endpoint: what has no port, or a wrong one, is refused") {
  for (const char* wrong : {"", "host", "host:", "host:x", "host:65536", "host:-1", "host:1 "}) {
    INFO(wrong);
    CHECK_FALSE(ParseEndpoint(wrong).ok());
  }
}

TEST_CASE("endpoint: names, addresses and IPv6") {
  CHECK(ParseEndpoint("broker.example:9092")->host == "broker.example");
  CHECK(ParseEndpoint("127.0.0.1:0")->port == 0);
  CHECK(ParseEndpoint("[::1]:65535")->host == "::1");
  CHECK(ParseEndpoint("[::1]:65535")->port == 65535);
  CHECK(ParseEndpoint(":9092")->host.empty());
}

TEST_CASE("config: unknown names and bad values are refused by name") {
  auto unknown = MakeConfig({{"num.partition", "1"}}, 1);
  CHECK_THAT(Message(unknown.status()), Contains("num.partition") && Contains("num.partitions"));
  auto bad = MakeConfig({{"num.partitions", "many"}}, 1);
  CHECK_THAT(Message(bad.status()), Contains("num.partitions") && Contains("many"));
}

TEST_CASE("config: listening everywhere needs an address that clients can use") {
  for (const char* listeners :
       {"PLAINTEXT://0.0.0.0:9092", "PLAINTEXT://:9092", "PLAINTEXT://[::]:9092"}) {
    INFO(listeners);
    auto refused = MakeConfig({{"listeners", listeners}}, 1);
    CHECK_THAT(Message(refused.status()), Contains("advertised.listeners"));
    CHECK_FALSE(
        MakeConfig({{"listeners", listeners}, {"advertised.listeners", "PLAINTEXT://0.0.0.0:9092"}},
                   1)
            .ok());
    auto config = MakeConfig(
        {{"listeners", listeners}, {"advertised.listeners", "PLAINTEXT://here:19092"}}, 1);
    REQUIRE(config.ok());
    CHECK(config->advertised.host == "here");
    CHECK(config->advertised.port == 19092);
    CHECK(Warns(*config, "without authentication"));
  }
}

TEST_CASE("config: one PLAINTEXT listener") {
  for (const char* wrong :
       {"127.0.0.1:9092", "SSL://127.0.0.1:9092", "PLAINTEXT://a:1,PLAINTEXT://b:2", ""}) {
    INFO(wrong);
    CHECK_FALSE(MakeConfig({{"listeners", wrong}}, 1).ok());
  }
}

TEST_CASE("config: a directory that is listed twice, or without a name, is refused") {
  test::TemporaryDirectory here;
  std::filesystem::create_directory_symlink(here.path(), here.path() + "/link");
  const std::string same = here.path() + "/link/new";
  const std::string twice = fmt::format("{}/new, {}", here.path(), same);
  absl::Status refused = MakeConfig({{"log.dirs", twice}}, 1).status();
  CHECK_THAT(std::string(refused.message()),
             Contains("'" + here.path() + "/new'") && Contains("'" + same + "'"));
  for (const char* wrong : {"/a,/a", "/a,/b/../a/", "/a,,/b", "/a,", ",/a", " , "}) {
    INFO(wrong);
    CHECK_FALSE(MakeConfig({{"log.dirs", wrong}}, 1).ok());
    CHECK_FALSE(MakeConfig({{"log.dir", wrong}}, 1).ok());
  }
}

TEST_CASE("config: several directories, without the blanks around them") {
  CHECK(MakeConfig({{"log.dirs", " /b/ , /a"}}, 1)->log_directories == Paths{"/b", "/a"});
  CHECK(MakeConfig({{"log.dir", "/b,/a"}}, 1)->log_directories == Paths{"/b", "/a"});
  CHECK(MakeConfig({{"log.dirs", " "}, {"log.dir", "/b"}}, 1)->log_directories == Paths{"/b"});
}

TEST_CASE("config: Kafka's other names are taken with a warning") {
  auto config = MakeConfig({{"process.roles", "broker"}, {"num.io.threads", "8"}}, 1);
  REQUIRE(config.ok());
  CHECK(Warns(*config, "process.roles"));
  CHECK(Warns(*config, "num.io.threads"));
  CHECK(config->warnings.size() == 2);
}

TEST_CASE("config: defaults are a broker of this machine alone") {
  auto config = MakeConfig({}, 1);
  REQUIRE(config.ok());
  CHECK(config->listen.host == "127.0.0.1");
  CHECK(config->listen.port == 9092);
  CHECK(config->advertised.port == 0);
  CHECK(config->log_directories == Paths{"./millrace-data"});
  CHECK(config->warnings.empty());
}

TEST_CASE("config: later values win, log.dirs goes before log.dir, broker.id names the node") {
  auto config = MakeConfig({{"log.dir", "/b"},
                            {"log.dirs", "/a"},
                            {"num.partitions", "2"},
                            {"num.partitions", "3"},
                            {"broker.id", "7"}},
                           1);
  REQUIRE(config.ok());
  CHECK(config->log_directories == Paths{"/a"});
  CHECK(config->properties.Integer("num.partitions") == 3);
  CHECK(config->properties.Integer("node.id") == 7);
  CHECK(MakeConfig({{"broker.id", "7"}, {"node.id", "8"}}, 1)->properties.Integer("node.id") == 8);
  CHECK_FALSE(MakeConfig({{"broker.id", "-1"}}, 1).ok());
}

TEST_CASE("config: a controller's listeners are left out, and listeners have names") {
  const std::vector<NameAndValue> combined{
      {"controller.listener.names", "CONTROLLER"},
      {"listeners", "CONTROLLER://:9093,CLIENTS://127.0.0.1:19092"},
      {"advertised.listeners", "CLIENTS://here:9092,CONTROLLER://here:9093"}};
  CHECK_FALSE(MakeConfig(combined, 1).ok());
  auto named = combined;
  named.emplace_back("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT");
  auto config = MakeConfig(named, 1);
  INFO(config.status().ToString());
  REQUIRE(config.ok());
  CHECK(config->listen.port == 19092);
  CHECK(config->advertised.host == "here");
  CHECK(Warns(*config, "CONTROLLER://:9093"));
  named.back().second = "CONTROLLER:PLAINTEXT,CLIENTS:SSL";
  CHECK_FALSE(MakeConfig(named, 1).ok());
  CHECK_FALSE(
      MakeConfig({{"controller.listener.names", "C"}, {"listeners", "C://127.0.0.1:1"}}, 1).ok());
}

TEST_CASE("config: the environment sets properties, and what is none is passed over") {
  auto settings = ReadEnvironment({"PATH=/bin", "MILLRACE_NUM_PARTITIONS=3", "MILLRACE_BIN=/x=y",
                                   "MILLRACE_LOG_DIRS=/a=b", "MILLRACE_NUM_IO_THREADS=8",
                                   "MILLRACE_", "MILLRACE_=", "millrace_num_partitions=4"});
  CHECK(settings.values == std::vector<NameAndValue>{{"num.partitions", "3"},
                                                     {"log.dirs", "/a=b"},
                                                     {"num.io.threads", "8"}});
  REQUIRE(settings.warnings.size() == 2);
  CHECK_THAT(settings.warnings[0], Contains("MILLRACE_BIN"));
  CHECK_THAT(settings.warnings[0], !Contains("/x"));
}

TEST_CASE("config: shards follow from the cores where nobody says otherwise") {
  CHECK(MakeConfig({}, 1)->shards == 1);
  CHECK(MakeConfig({}, 4)->shards == 1);
  CHECK(MakeConfig({}, 16)->shards == 8);
  CHECK(MakeConfig({{"num.shards", "3"}}, 16)->shards == 3);
}

}  // namespace
}  // namespace millrace
