// Every command describes itself: its options, help and action. One file a command.
#pragma once

#include "app/command_line.hpp"

namespace whosent::app {

void add_ingest(CommandLine& line);
void add_serve(CommandLine& line);
void add_collect(CommandLine& line);
void add_sources(CommandLine& line);
void add_senders(CommandLine& line);
void add_explain(CommandLine& line);
void add_domains(CommandLine& line);
void add_reports(CommandLine& line);
void add_failures(CommandLine& line);
void add_complaints(CommandLine& line);
void add_tls(CommandLine& line);
void add_report(CommandLine& line);
void add_approve(CommandLine& line);
void add_revoke(CommandLine& line);
void add_approvals(CommandLine& line);
void add_policy(CommandLine& line);
void add_resolve(CommandLine& line);
void add_attribute(CommandLine& line);
void add_catalogue(CommandLine& line);
void add_quarantine(CommandLine& line);
void add_events(CommandLine& line);
void add_collectors(CommandLine& line);
void add_findings(CommandLine& line);
void add_sinks(CommandLine& line);
void add_replay(CommandLine& line);
void add_token(CommandLine& line);
void add_pseudonym(CommandLine& line);
void add_purge(CommandLine& line);
void add_backup(CommandLine& line);
void add_config(CommandLine& line);
void add_setup(CommandLine& line);
void add_version(CommandLine& line);

[[nodiscard]] std::string version_text();
// not_found, with what it was probably meant to be. `known`: the sinks of the store.
[[nodiscard]] Error unknown_sink(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace whosent::app
