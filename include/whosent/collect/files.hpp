// collect/files: messages out of files, folders, Maildirs and mbox files.
//
// What a file is, its content says: a file that begins with an mbox "From " line is taken apart into its messages, every other is one message or
// one bare document. Of a Maildir the folders new and cur are read, never tmp. Nothing is moved or changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "whosent/base/function_ref.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/pipeline/intake.hpp"

namespace whosent::collect {

struct FileList {
    std::vector<std::string> paths;  // regular files, in the order in which they are read: as given, and sorted by name within a folder
    std::vector<Error> unreadable;   // what was named or found and could not be listed; the rest goes on
    std::uint64_t bytes = 0;         // of all files, for progress
};

// Lists folders to their end, without following links to folders (a link loop ends nowhere). Hidden files (".name") in folders are
// left out; a path named itself is always taken.
[[nodiscard]] FileList list_files(const std::vector<std::string>& paths);

// Submits the messages of one file. The file is opened here and read on the intake's threads. `go_on` is asked before each message;
// when it says no, the rest is left. `done` is called for each of its messages. An error: the file cannot be opened (stage collect; go on with the
// next), or the intake has stopped (stage store; stop).
[[nodiscard]] Result<void> submit_file(const std::string& path, const Limits& limits, pipeline::Intake& intake, FunctionRef<bool()> go_on, const pipeline::Done& done);

// One message from a descriptor that cannot be sought (standard input), up to limits.message_bytes (a limit error beyond).
[[nodiscard]] Result<void> submit_stream(int descriptor, const std::string& name, const Limits& limits, pipeline::Intake& intake,
                                         const pipeline::Done& done);

}  // namespace whosent::collect
