// The whole unpacker over an input, twice: both passes give the same, and the limits hold.
#pragma once

#include <string>

#include "fuzz.hpp"
#include "whosent/unpack/unpack.hpp"

namespace whosent::fuzz {

inline Limits unpacking_limits() {
    Limits limits;
    limits.message_bytes = 1 * kMiB;
    limits.header_bytes = 16 * kKiB;
    limits.mime_parts = 30;
    limits.mime_depth = 5;
    limits.payload_bytes = 2 * kMiB;
    limits.ratio_floor_bytes = 256 * kKiB;
    limits.nesting = 3;
    limits.archive_members = 8;
    limits.diagnostics = 5;
    return limits;
}

// What came out of one pass, as text. `take`: whether the callback says that payloads were reports.
inline std::string unpack_once(unpack::Unpacker& unpacker, std::string_view bytes, const Limits& limits, bool take) {
    std::string seen;
    std::size_t payloads = 0;
    RawMessage message;
    message.bytes = bytes;
    const auto read = [&](const Payload& payload, ByteSource& source) {
        ++payloads;
        // One that is mail, then gzip in zip in gzip: each container is told once.
        check(payload.containers.size() <= limits.mime_depth + 2 * limits.nesting + 4, "deeper than the limits of depth and nesting");
        for (const std::string& container : payload.containers) seen += container + ">";
        seen += std::string(name_of(payload.kind)) + ":" + payload.name + ":";
        std::uint64_t size = 0;
        std::string content;
        while (true) {
            auto chunk = source.next();
            if (!chunk) {
                check_error(chunk.error());
                seen += chunk.error().message;
                break;
            }
            size += chunk->bytes.size();
            content.append(chunk->bytes.data(), chunk->bytes.size());
            for (char& c : chunk->bytes) c = '?';  // the reader may overwrite it
            check(size <= std::max<std::uint64_t>(limits.payload_bytes, limits.message_bytes), "a payload beyond payload_bytes");
            if (chunk->last) break;
        }
        seen += std::to_string(size) + ":" + std::to_string(hash_of(content)) + "\n";
        return take ? unpack::Taken::yes : unpack::Taken::no;
    };
    const auto read_mail = [&](const Payload&, const MailParts& parts) {
        for (const std::string_view part : {parts.header, parts.text, parts.feedback, parts.original}) seen += std::to_string(hash_of(part)) + ",";
        check(parts.text.size() <= 64 * kKiB, "more text than 64 KiB");
        return take ? unpack::Taken::yes : unpack::Taken::no;
    };
    const unpack::Unpacked unpacked = unpacker.unpack(message, read, read_mail);
    check(unpacked.payloads == payloads, "the count of payloads is not that of the calls",
          std::to_string(unpacked.payloads) + " " + std::to_string(payloads));
    check_diagnostics(unpacked.diagnostics, unpacked.diagnostics_dropped, limits);
    for (const Diagnostic& diagnostic : unpacked.diagnostics) seen += diagnostic.code + " " + diagnostic.where + ": " + diagnostic.message + "\n";
    for (const Error& error : unpacked.failures) {
        check_error(error);
        seen += to_string(error) + "\n";
    }
    return seen + unpacked.mark;
}

inline void check_unpacking(std::string_view bytes) {
    static const Limits limits = unpacking_limits();
    static unpack::Unpacker unpacker(limits);
    const std::string before(bytes);
    const bool take = hash_of(bytes) % 2 == 0;
    const std::string first = unpack_once(unpacker, bytes, limits, take);
    const std::string second = unpack_once(unpacker, bytes, limits, take);
    check(first == second, "two passes, two outcomes", first + "\n---\n" + second);
    check(before == bytes, "the message itself was written to");
}

}  // namespace whosent::fuzz
