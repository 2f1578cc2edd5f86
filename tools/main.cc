// The `millrace` command line.
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/bench_cli.h"
#include "tools/commands.h"
#include "tools/group_commands.h"
#include "tools/log_commands.h"

namespace millrace::tools {
namespace {

void AddServe(CLI::App& app, ServeOptions& options, int& code) {
  CLI::App* serve = app.add_subcommand("serve", "Run a broker.");
  serve->add_option("--data-dir", options.data_directory,
                    "Where the data lives, one directory or several with commas (default "
                    "./millrace-data).");
  serve->add_option("--listen", options.listen, "host:port (default 127.0.0.1:9092).");
  serve->add_option("--config", options.config_file, "A server.properties file.");
  serve->add_option("--set", options.set, "name=value, over the file; may be repeated.")
      ->allow_extra_args(false);
  serve->add_option("--log-level", options.log_level, "trace, debug, info, warn, error or off.")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  serve->callback([&options, &code] { code = Serve(options); });
}

using TopicCommand = int (*)(const TopicOptions&);

CLI::App* AddTopicCommand(CLI::App& topic, const char* name, const char* help,
                          TopicOptions& options) {
  CLI::App* command = topic.add_subcommand(name, help);
  command->add_option("--bootstrap-server", options.bootstrap_server,
                      "host:port of a broker (default 127.0.0.1:9092).");
  command->add_flag("--json", options.json, "Answer with JSON.");
  return command;
}

void Run(CLI::App* command, TopicCommand run, const TopicOptions& options, int& code) {
  command->callback([run, &options, &code] { code = run(options); });
}

void AddTopic(CLI::App& app, TopicOptions& options, int& code) {
  CLI::App* topic = app.add_subcommand("topic", "Create, list, describe, alter and delete topics.");
  topic->require_subcommand(1);
  CLI::App* create = AddTopicCommand(*topic, "create", "Create a topic.", options);
  create->add_option("name", options.name, "The topic's name.")->required();
  create->add_option("--partitions", options.partitions, "Default: the broker's num.partitions.");
  create->add_option("--replication-factor", options.replication_factor,
                     "Default: the broker's default.replication.factor.");
  create->add_option("--config", options.configs, "name=value; may be repeated.")
      ->allow_extra_args(false);
  Run(create, CreateTopic, options, code);
  Run(AddTopicCommand(*topic, "list", "List all topics.", options), ListTopics, options, code);
  CLI::App* describe = AddTopicCommand(*topic, "describe", "Show a topic's partitions.", options);
  describe->add_option("name", options.name, "The topic's name.")->required();
  Run(describe, DescribeTopic, options, code);
  CLI::App* remove = AddTopicCommand(*topic, "delete", "Delete a topic and its records.", options);
  remove->add_option("name", options.name, "The topic's name.")->required();
  Run(remove, DeleteTopic, options, code);
  CLI::App* alter =
      AddTopicCommand(*topic, "alter", "Change a topic's properties, add partitions.", options);
  alter->add_option("name", options.name, "The topic's name.")->required();
  alter->add_option("--config", options.configs, "name=value; may be repeated.")
      ->allow_extra_args(false);
  alter
      ->add_option("--delete-config", options.delete_configs,
                   "A property that goes back to its default; may be repeated.")
      ->allow_extra_args(false);
  alter->add_option("--partitions", options.partitions, "How many it shall have; more than now.");
  Run(alter, AlterTopic, options, code);
}

CLI::App* AddConfigCommand(CLI::App& config, const char* name, const char* help,
                           ConfigOptions& options) {
  CLI::App* command = config.add_subcommand(name, help);
  command->add_option("--bootstrap-server", options.bootstrap_server,
                      "host:port of a broker (default 127.0.0.1:9092).");
  command->add_flag("--json", options.json, "Answer with JSON.");
  CLI::Option_group* target = command->add_option_group("of what");
  target->add_option("--topic", options.topic, "A topic.");
  target->add_option("--group", options.group, "A consumer group.");
  target->add_option("--broker", options.broker, "A broker, by its id.");
  target->add_flag("--broker-default", options.broker_default, "All brokers.");
  target->require_option(1);
  return command;
}

void AddConfig(CLI::App& app, ConfigOptions& options, int& code) {
  CLI::App* config =
      app.add_subcommand("config", "Describe and change properties of topics, groups and brokers.");
  config->require_subcommand(1);
  CLI::App* describe =
      AddConfigCommand(*config, "describe", "Show values and where they come from.", options);
  describe->callback([&options, &code] { code = DescribeConfigs(options); });
  CLI::App* alter = AddConfigCommand(*config, "alter", "Change values while brokers run.", options);
  alter->add_option("--config", options.configs, "name=value; may be repeated.")
      ->allow_extra_args(false);
  alter
      ->add_option("--delete-config", options.delete_configs,
                   "A property that goes back to its default; may be repeated.")
      ->allow_extra_args(false);
  alter->callback([&options, &code] { code = AlterConfigs(options); });
  // For docs/configuration.md.
  config->add_subcommand("reference", "Print every property, as Markdown.")
      ->group("")
      ->callback([&code] { code = PrintConfigReference(); });
}

struct GroupCommands {
  ListGroupsOptions list;
  DescribeGroupsOptions describe;
  ResetOffsetsOptions reset;
  DeleteGroupsOptions remove;
  DeleteOffsetsOptions remove_offsets;
};

CLI::App* AddGroupCommand(CLI::App& group, const char* name, const char* help,
                          GroupOptions& options) {
  CLI::App* command = group.add_subcommand(name, help);
  command->add_option("--bootstrap-server", options.bootstrap_server,
                      "host:port of a broker (default 127.0.0.1:9092).");
  command->add_flag("--json", options.json, "Answer with JSON.");
  return command;
}

void AddGroupTopics(CLI::App* command, std::vector<std::string>& topics) {
  command
      ->add_option("--topic", topics,
                   "All partitions of a topic, or some: orders:0,2. May be repeated.")
      ->allow_extra_args(false);
}

void AddGroupList(CLI::App& group, ListGroupsOptions& options, int& code) {
  CLI::App* list = AddGroupCommand(group, "list", "List groups with their states.", options);
  list->add_option("--state", options.states, "Only groups in this state; may be repeated.")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead",
                             "Assigning", "Reconciling"},
                            CLI::ignore_case));
  list->callback([&options, &code] { code = ListGroups(options); });
}

void AddGroupDescribe(CLI::App& group, DescribeGroupsOptions& options, int& code) {
  CLI::App* describe = AddGroupCommand(
      group, "describe", "Show committed offsets, lag and who has which partition.", options);
  CLI::Option_group* which = describe->add_option_group("which groups");
  which->add_option("group", options.groups, "Names of groups.");
  which->add_flag("--all", options.all, "All groups.");
  which->require_option(1);
  CLI::Option* members =
      describe->add_flag("--members", options.members, "The members and what they have instead.");
  describe->add_flag("--state", options.state, "The state and the coordinator instead.")
      ->excludes(members);
  describe->callback([&options, &code] { code = DescribeGroups(options); });
}

void AddResetTargets(CLI::App* reset, ResetOffsetsOptions& options) {
  CLI::Option_group* target = reset->add_option_group("where to");
  target->add_flag("--to-earliest", options.to_earliest, "The start of the log.");
  target->add_flag("--to-latest", options.to_latest, "The end of the log.");
  target->add_flag("--to-current", options.to_current,
                   "What is committed, the end where nothing is.");
  target->add_option("--to-offset", options.to_offset, "An offset.")->check(CLI::NonNegativeNumber);
  target->add_option("--shift-by", options.shift_by, "So many records on, or back if negative.");
  target->add_option("--to-datetime", options.to_datetime,
                     "The first record at this time or later: 2024-02-29T12:30:00.000 (UTC), or "
                     "with Z or +01:00.");
  target->add_option("--by-duration", options.by_duration,
                     "The same for so long ago: PT1H30M, P7D.");
  target->add_option("--from-file", options.from_file, "CSV lines of topic,partition,offset.");
  target->require_option(1);
}

void AddGroupReset(CLI::App& group, ResetOffsetsOptions& options, int& code) {
  CLI::App* reset =
      AddGroupCommand(group, "reset-offsets",
                      "Show where a group without members would be moved, or move it.", options);
  reset->add_option("group", options.group, "The group's name.")->required();
  AddGroupTopics(reset, options.topics);
  reset->add_flag("--all-topics", options.all_topics, "All topics with committed offsets.")
      ->excludes("--topic");
  AddResetTargets(reset, options);
  reset->add_flag("--execute", options.execute, "Do it. Without this nothing is changed.");
  reset->add_flag("--dry-run", options.dry_run, "Do not do it: the default.")
      ->excludes("--execute");
  reset->add_flag("--export", options.export_csv, "Print the CSV that --from-file reads.")
      ->excludes("--json");
  reset->callback([&options, &code] { code = ResetOffsets(options); });
}

void AddGroup(CLI::App& app, GroupCommands& options, int& code) {
  CLI::App* group =
      app.add_subcommand("group", "List, describe, move and delete groups of consumers.");
  group->require_subcommand(1);
  AddGroupList(*group, options.list, code);
  AddGroupDescribe(*group, options.describe, code);
  AddGroupReset(*group, options.reset, code);
  CLI::App* remove = AddGroupCommand(
      *group, "delete", "Delete groups without members, with their offsets.", options.remove);
  remove->add_option("group", options.remove.groups, "Names of groups.")->required();
  remove->callback([&options, &code] { code = DeleteGroups(options.remove); });
  CLI::App* offsets = AddGroupCommand(
      *group, "delete-offsets", "Delete a group's offsets in topics.", options.remove_offsets);
  offsets->add_option("group", options.remove_offsets.group, "The group's name.")->required();
  AddGroupTopics(offsets, options.remove_offsets.topics);
  offsets->get_option("--topic")->required();
  offsets->callback([&options, &code] { code = DeleteOffsets(options.remove_offsets); });
}

void AddLogDump(CLI::App& log, LogDumpOptions& options, int& code) {
  CLI::App* dump = log.add_subcommand("dump", "Print what files of a data directory hold.");
  dump->footer("Exit status: 0 whole, 1 damage was found (and passed over), 2 could not look.");
  dump->add_option("path", options.paths,
                   "Segments (.log), indexes, snapshots, checkpoints, or a partition's directory.")
      ->required();
  dump->add_flag("--records", options.records, "The records in the batches, too.");
  dump->add_flag("--json", options.json, "One JSON object per line.");
  dump->add_option("--from", options.from, "The first offset to show.")
      ->check(CLI::NonNegativeNumber);
  dump->add_option("--to", options.to, "The last offset to show.")->check(CLI::NonNegativeNumber);
  dump->add_option("--limit", options.limit, "Show so many batches (with --records: records).")
      ->check(CLI::NonNegativeNumber);
  dump->add_option("--max-bytes", options.max_bytes, "Cut keys, values and headers to this.")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  dump->add_option("--max-batch-bytes", options.max_batch_bytes,
                   "Do not open a batch that takes more than this decompressed.")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  dump->callback([&options, &code] { code = DumpLog(options); });
}

void AddLogVerify(CLI::App& log, LogVerifyOptions& options, int& code) {
  CLI::App* verify = log.add_subcommand(
      "verify", "Check everything in a data directory. Nothing is written or repaired.");
  verify->footer("Exit status: 0 whole, 1 errors were found, 2 could not look.");
  verify->add_option("directory,--data-dir", options.directories,
                     "Data directories, or those of partitions (default ./millrace-data).");
  verify->add_flag("--json", options.json, "One JSON object per finding, and one for the totals.");
  verify->add_flag("--quiet", options.quiet, "No progress, also on a terminal.");
  verify
      ->add_option("--max-batch-bytes", options.max_batch_bytes,
                   "Do not look into a batch that takes more than this decompressed.")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verify->callback([&options, &code] { code = VerifyLog(options); });
}

struct LogOptions {
  LogDumpOptions dump;
  LogVerifyOptions verify;
};

void AddLog(CLI::App& app, LogOptions& options, int& code) {
  CLI::App* log = app.add_subcommand("log", "Look at the files of a broker, running or not.");
  log->require_subcommand(1);
  AddLogDump(*log, options.dump, code);
  AddLogVerify(*log, options.verify, code);
}

int Main(int argc, char** argv) {
  CLI::App app("Millrace, a Kafka-compatible commit-log broker.");
  app.require_subcommand(1);
  int code = 0;
  ServeOptions serve;
  TopicOptions topic;
  ConfigOptions config;
  GroupCommands group;
  LogOptions log;
  BenchCommands bench;
  AddServe(app, serve, code);
  AddTopic(app, topic, code);
  AddConfig(app, config, code);
  AddGroup(app, group, code);
  AddLog(app, log, code);
  AddBench(app, bench, code);
  app.add_subcommand("version", "Print the version.")->callback([] {
    std::printf("millrace %s\n", MILLRACE_VERSION);
  });
  // For docs/protocol.md.
  app.add_subcommand("protocol", "Print every API that is answered, as Markdown.")
      ->group("")
      ->callback([&code] { code = PrintProtocolReference(); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return code;
}

}  // namespace
}  // namespace millrace::tools

int main(int argc, char** argv) { return millrace::tools::Main(argc, argv); }
