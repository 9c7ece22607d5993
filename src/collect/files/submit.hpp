// The messages of an open file, on their way to the intake: what `ingest` and the collectors of folders share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "open_file.hpp"
#include "whosent/base/function_ref.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/time.hpp"
#include "whosent/pipeline/intake.hpp"

namespace whosent::collect {

struct FileSource {
    std::string collector = "files";
    std::shared_ptr<const std::vector<std::string>> trusted_authserv_ids;  // null: nobody is
    std::optional<Seconds> received_at;
    bool is_mailbox = false;  // an mbox file may come, and is taken apart
    // A large file is mapped: whoever shortens it meanwhile ends this process. Otherwise limits.message_bytes and one more are read of it.
    bool may_be_mapped = false;
    bool prompt = false;  // Submission::prompt
};

// Looks like an mbox file.
[[nodiscard]] Result<bool> is_mbox(const OpenFile& file);

// As submit_file() in whosent/collect/files.hpp. `file` is a regular one.
[[nodiscard]] Result<void> submit_open_file(const std::shared_ptr<const OpenFile>& file, const std::string& path, const FileSource& source, const Limits& limits,
                                            pipeline::Intake& intake, FunctionRef<bool()> go_on, const pipeline::Done& done);

}  // namespace whosent::collect
