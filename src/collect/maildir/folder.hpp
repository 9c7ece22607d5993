// The files of one folder into which others put them: what is there, and where each goes. Blocks on the file system; any thread, no state.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collect/files/open_file.hpp"
#include "whosent/base/result.hpp"

namespace whosent::collect {

// maildir: what stands in new is complete. dropped: names ".name", "name.tmp" and "name.part" are of files that are written still.
enum class Delivery : std::uint8_t { maildir, dropped };

// True for the latter, and for ".name" in a Maildir too.
[[nodiscard]] bool is_unfinished(std::string_view name, Delivery delivery) noexcept;

struct Listing {
    std::vector<std::string> ready;    // regular files, sorted by name
    std::vector<std::string> young;    // that may be written still: changed within `settle`
    std::vector<std::string> strange;  // links, pipes, folders: left alone; the first 1,000
    bool more = false;                 // than was asked for
};

// What stands in `folder`, not below it: at most so many. `settle` 0: nothing is young.
[[nodiscard]] Result<Listing> list_incoming(const std::string& folder, Delivery delivery, std::chrono::nanoseconds settle, std::size_t most);
// The same of some names; those that are gone are left out.
[[nodiscard]] Listing look_at(const std::string& folder, Delivery delivery, const std::vector<std::string>& names, std::chrono::nanoseconds settle);

// A file as it is there now under this path, without following links; an error when there is none (not_found) or it cannot be looked at.
[[nodiscard]] Result<FileVersion> version_of(const std::string& path);

// Names a message has in cur (https://cr.yp.to/proto/maildir.html): flags behind ":2,", in ASCII order.
[[nodiscard]] std::string seen_name(std::string_view name);

// Moves a file into `folder` under `name`, or the next name that is free there: nothing is overwritten. Returns the name. A number comes before the last "." or ":2,".
[[nodiscard]] Result<std::string> move_into(const std::string& path, const std::string& folder, const std::string& name);

// Makes `folder` where it is missing, and holds it to the file system that `beside` lies in, so that a move is a rename.
[[nodiscard]] Result<void> prepare_target(const std::string& folder, const std::string& beside, bool make);

}  // namespace whosent::collect
