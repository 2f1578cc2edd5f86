// The subcommands of `millrace`. Each returns the process's exit code: 0 done, 1 refused or failed
// (the reason is on stderr), 2 wrong usage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::tools {

struct ServeOptions {
  std::string config_file;       // empty: none
  std::string data_directory;    // empty: as configured
  std::string listen;            // host:port; empty: as configured
  std::vector<std::string> set;  // name=value
  std::string log_level = "info";
};
int Serve(const ServeOptions& options);

struct TopicOptions {
  std::string bootstrap_server = "127.0.0.1:9092";
  bool json = false;
  std::string name;
  std::optional<int32_t> partitions;
  std::optional<int16_t> replication_factor;
  std::vector<std::string> configs;  // name=value
  std::vector<std::string> delete_configs;
};
int CreateTopic(const TopicOptions& options);
int ListTopics(const TopicOptions& options);
int DescribeTopic(const TopicOptions& options);
int DeleteTopic(const TopicOptions& options);
int AlterTopic(const TopicOptions& options);

struct ConfigOptions {
  std::string bootstrap_server = "127.0.0.1:9092";
  bool json = false;
  // Exactly one of the four.
  std::string topic;
  std::string group;
  std::optional<int32_t> broker;
  bool broker_default = false;
  std::vector<std::string> configs;  // name=value
  std::vector<std::string> delete_configs;
};
int DescribeConfigs(const ConfigOptions& options);
int AlterConfigs(const ConfigOptions& options);
// Prints what docs/configuration.md says of every property.
int PrintConfigReference();
int PrintProtocolReference();

}  // namespace millrace::tools
