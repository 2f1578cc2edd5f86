// The `millrace` command line.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/commands.h"
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
  target->add_option("--broker", options.broker, "A broker, by its id.");
  target->add_flag("--broker-default", options.broker_default, "All brokers.");
  target->require_option(1);
  return command;
}

void AddConfig(CLI::App& app, ConfigOptions& options, int& code) {
  CLI::App* config =
      app.add_subcommand("config", "Describe and change properties of topics and brokers.");
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
  LogOptions log;
  AddServe(app, serve, code);
  AddTopic(app, topic, code);
  AddConfig(app, config, code);
  AddLog(app, log, code);
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
