// collect/maildir: a Maildir, or a folder into which files are dropped, watched with inotify.
//
// Maildir: messages of new go to cur with the flag S once their outcome is durable; those in cur are not read again. Drop folder: a file is read when it is closed or moved
// in, never while its name begins with "." or ends with ".tmp" or ".part"; then it is moved to the folder of its outcome, or removed. An mbox file is taken apart, and done when
// all its messages are; then the outcome that needs somebody's eye most counts.
//
// Errors of start() and run_once(): a folder that is missing, or that files cannot be renamed into. No move replaces a file: a number is added. What is not stored or not
// readable stays, and is tried again at a rescan; what is no file is left alone and noted once. Files are listed and moved on a thread of the collector's own.
#pragma once

#include "whosent/collect/collector.hpp"

namespace whosent::collect {

struct MaildirSettings {
    std::string name;
    std::string path;  // holds new, cur and tmp
    std::chrono::seconds rescan{300};  // inotify may lose events
    std::vector<std::string> trusted_authserv_ids;
};
struct FolderSettings {
    std::string name;
    std::string path;
    // Where files go; empty: they are removed. Folders within `path` ("done") begin at it.
    std::string processed = "done", not_a_report = "other", quarantined = "quarantined";
    std::chrono::seconds rescan{300};
    std::vector<std::string> trusted_authserv_ids;
};

[[nodiscard]] std::unique_ptr<Collector> make_maildir_collector(MaildirSettings settings, const Surroundings& surroundings);
[[nodiscard]] std::unique_ptr<Collector> make_folder_collector(FolderSettings settings, const Surroundings& surroundings);

}  // namespace whosent::collect
