#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>

#include "base/suggest.h"
#include "cli/commands.h"
#include "cycloid/version.h"

namespace cycloid {
namespace {

constexpr const char* kFooter = R"(
Examples:
  cycloid bench squeezenet.onnx --threads 1,2
  cycloid optimize squeezenet.onnx -o faster.onnx --explain
  cycloid inspect squeezenet.onnx
  cycloid COMMAND --help

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 a gate of `bench --fail-if` holds.
A failure is one line on standard error; nothing is left half-written.)";

// The subcommand the command line reached, or the app itself.
const CLI::App* active(const CLI::App* app) {
  const auto subcommands = app->get_subcommands();
  return subcommands.empty() ? app : subcommands.front();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) names.push_back(command->get_name());  // an empty group hides
  }
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string suggestion = nearest(word, candidates);
  return suggestion.empty() ? "" : fmt::format(": did you mean '{}'?", suggestion);
}

// CLI11's words for an option without its value, or with one that is no number.
std::string plain(std::string text) {
  constexpr std::string_view kMissing = ": 1 required ";
  constexpr std::string_view kNoNumber = "Could not convert: ";
  if (const std::size_t at = text.find(kMissing); at != std::string::npos && text.ends_with(" missing")) {
    return text.substr(0, at) + " takes a value";
  }
  if (const std::size_t equals = text.find(" = "); text.starts_with(kNoNumber) && equals != std::string::npos) {
    return fmt::format("{}: '{}' is no number", text.substr(kNoNumber.size(), equals - kNoNumber.size()),
                       text.substr(equals + 3));
  }
  return text;
}

// What a person should read for a command line that does not parse.
std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = *active(&app);
  const std::string where = &command == &app ? "" : command.get_name() + ": ";
  const std::string help = fmt::format("; see 'cycloid {}--help'", &command == &app ? "" : command.get_name() + " ");
  const std::vector<std::string> extra = app.remaining(true);
  if (!extra.empty()) {
    const std::string word = extra.front().substr(0, extra.front().find('='));
    if (word.starts_with("-")) {
      return fmt::format("{}unknown option '{}'{}{}", where, word, did_you_mean(word, option_names(command)), help);
    }
    if (&command == &app) {
      return fmt::format("unknown command '{}'{}{}", word, did_you_mean(word, subcommand_names(app)), help);
    }
    return fmt::format("{}unexpected argument '{}'{}", where, extra.front(), help);
  }
  return fmt::format("{}{}{}", where, plain(error.what()), help);
}

}  // namespace

int report_error(std::string_view message, int exit_code) {
  std::string line(message);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';  // newlines, and what would steer a terminal
  }
  std::fprintf(stderr, "cycloid: error: %s\n", line.c_str());
  return exit_code;
}

int report_error(const Error& error) {
  return report_error(error.message(), error.code() == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailure);
}

int run_cli(int argc, const char* const* argv) {
  int exit_code = kExitOk;
  CLI::App app("Optimises, runs and honestly compares trained models.", "cycloid");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("cycloid ") + std::string(version()));
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(34);
  add_bench_command(app, exit_code);
  add_optimize_command(app, exit_code);
  add_rules_command(app, exit_code);
  add_operators_command(app, exit_code);
  add_inspect_command(app, exit_code);
  add_run_command(app, exit_code);
  add_backends_command(app, exit_code);
  add_worker_command(app, exit_code);

  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) {
      std::fputs(app.help().c_str(), stderr);
      return kExitUsage;
    }
  } catch (const CLI::Success& success) {  // --help, --version
    app.exit(success);
  } catch (const CLI::ParseError& error) {
    return report_error(explain(app, error), kExitUsage);
  } catch (const std::bad_alloc&) {
    return report_error("out of memory");
  } catch (const std::exception& error) {
    return report_error(fmt::format("unexpected failure: {}", error.what()));
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return report_error("standard output cannot be written to (is the disk full?)");
  }
  return exit_code;
}

}  // namespace cycloid
