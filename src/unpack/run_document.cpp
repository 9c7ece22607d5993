#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <cstddef>
#include <ranges>

#include "unpack/marks.hpp"
#include "unpack/run.hpp"
#include "unpack/skeleton.hpp"
#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

// A container within a container must be whole in memory to be opened. Larger ones are no reports: the largest real one is 10 MB
// packed.
constexpr std::size_t kNestedBytes = 32 * kMiB;
// Archives may hold the same bytes many times over (overlapping members), so all that one message inflates to is bounded too.
constexpr std::uint64_t kTotalFactor = 4;
constexpr std::size_t kFailures = 64;  // kept of one message; the first ones tell enough

// Ends in an error: what follows bytes that are known to be damaged.
class ErrorSource final : public ByteSource {
public:
    explicit ErrorSource(Error error) : error_(std::move(error)) {}
    [[nodiscard]] Result<Chunk> next() override { return std::unexpected(error_); }

private:
    Error error_;
};

// What the reader gets: the bytes in memory, copied where they are not ours to overwrite, then the rest.
class PayloadSource final : public ByteSource {
public:
    // `skeleton`: of a document that seems to be no report; told all bytes before the reader may overwrite them.
    PayloadSource(const Document& document, Skeleton* skeleton, BufferPool& pool) : document_(document), skeleton_(skeleton), pool_(pool) {}

    [[nodiscard]] Result<Chunk> next() override {
        auto chunk = !document_.head.empty() || document_.rest == nullptr ? from_memory() : document_.rest->next();
        if (!chunk) {
            error_ = chunk.error();
            return chunk;
        }
        bytes_ += chunk->bytes.size();
        ended_ = chunk->last;
        if (skeleton_ != nullptr && !elements_) {
            const std::string_view bytes(chunk->bytes.data(), chunk->bytes.size());
            elements_ = bears_report_elements(bytes);
            skeleton_->feed(bytes);
        }
        return chunk;
    }

    // Reads what the reader left, so that damage in it is found.
    void drain() {
        while (!ended_ && !error_) (void)next();
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
    // What the skeleton was told bears elements of a report after all.
    [[nodiscard]] bool elements() const noexcept { return elements_; }

private:
    Result<Chunk> from_memory() {
        const auto head = document_.head;
        std::span<char> bytes;
        if (document_.own) {
            bytes = {const_cast<char*>(head.data()), head.size()};
        } else {
            const std::size_t size = head.size() <= kWholeBytes ? head.size() : kChunkBytes;
            if (buffer_.size() < size || buffer_.data() == nullptr) buffer_ = Lease(pool_, size);
            std::copy_n(head.data(), size, buffer_.data());
            bytes = {buffer_.data(), size};
        }
        document_.head.remove_prefix(bytes.size());
        return Chunk{bytes, document_.head.empty() && document_.rest == nullptr};
    }

    Document document_;
    Skeleton* skeleton_;
    BufferPool& pool_;
    Lease buffer_;
    std::uint64_t bytes_ = 0;
    bool elements_ = false;
    bool ended_ = false;
    std::optional<Error> error_;
};

// An XML document without an end, or with nothing but its beginning. Its tags need not match: HTML is taken for XML too.
bool is_cut_xml(std::string_view document) noexcept {
    const auto text = trim(document);
    const bool has_end = text.find("</"sv) != std::string_view::npos || text.find("/>"sv) != std::string_view::npos;
    return text.find('\0') == std::string_view::npos && (!text.ends_with('>') || !has_end);
}

// It is known what it is.
bool is_settled(Outcome outcome) noexcept {
    return outcome == Outcome::taken || outcome == Outcome::unrelated || outcome == Outcome::foreign;
}

// Reads a source to its end. The error it ends in, if any.
std::optional<Error> drain(ByteSource& source) {
    for (;;) {
        const auto chunk = source.next();
        if (!chunk) return chunk.error();
        if (chunk->last) return std::nullopt;
    }
}

}  // namespace

std::string Run::where() const {
    std::string text;
    for (const auto& container : containers_) text += text.empty() ? container : " > " + container;
    return text;
}

Outcome Run::fail(Error error) {
    if (error.where.empty()) error.where = where();
    if (result_.failures.size() < kFailures) result_.failures.push_back(std::move(error));
    return Outcome::failed;
}

void Run::drop_failures_of_originals() {
    auto& failures = result_.failures;
    for (const auto& [begin, end] : failures_of_originals_ | std::views::reverse)
        failures.erase(failures.begin() + static_cast<std::ptrdiff_t>(begin), failures.begin() + static_cast<std::ptrdiff_t>(end));
    failures_of_originals_.clear();
}

void Run::mark(std::string_view why) {
    if (!quiet_ && result_.mark.empty()) result_.mark = why;
}

void Run::note(Severity severity, std::string_view code, std::string message) {
    if (result_.diagnostics.size() >= limits_.diagnostics) {
        ++result_.diagnostics_dropped;
        return;
    }
    result_.diagnostics.push_back({severity, std::string(code), where(), std::move(message), std::nullopt});
}

Outcome Run::document(const Document& given, std::size_t nesting) {
    // Every part and member counts once, whatever it is nested in: 256 members to the power of 4 would not end.
    const std::size_t most = 4 * (limits_.mime_parts + limits_.archive_members);
    if (++documents_ > most) {
        return documents_ == most + 1
                   ? fail(ErrorCode::limit,
                          fmt::format("more than {} documents in one message (limits mime_parts, archive_members)", most))
                   : Outcome::failed;
    }
    switch (const auto content = recognise(given.head); content) {
        case Content::gzip:
        case Content::zlib:
        case Content::zip: return container(given, content, nesting);
        case Content::xml: return deliver(given, PayloadKind::xml);
        case Content::json: return deliver(given, PayloadKind::json);
        case Content::binary: return Outcome::unrelated;
        case Content::empty:
            if (given.rest == nullptr) return Outcome::empty;
            return loose(given, Content::unrecognised, nesting);
        case Content::text:
        case Content::unrecognised: return loose(given, content, nesting);
    }
    return Outcome::unrecognised;
}

Outcome Run::container(const Document& given, Content content, std::size_t nesting) {
    if (nesting >= limits_.nesting)
        return fail(ErrorCode::limit,
                    fmt::format("containers within containers beyond the limit nesting of {}", limits_.nesting));
    std::string whole;
    std::optional<Error> cut;
    auto bytes = given.head;
    if (given.rest != nullptr) {
        whole = given.head;
        for (bool last = false; !last && !cut;) {
            auto chunk = given.rest->next();
            if (!chunk) {
                cut = std::move(chunk).error();
            } else if (whole.size() + chunk->bytes.size() > kNestedBytes) {
                return fail(ErrorCode::limit, fmt::format("container within a container larger than {} bytes", kNestedBytes));
            } else {
                whole.append(chunk->bytes.data(), chunk->bytes.size());
                last = chunk->last;
            }
        }
        bytes = whole;
    }
    Outcome outcome;
    if (content == Content::zip) {
        const Inside inside(*this, "zip");
        outcome = archive(bytes, nesting);
    } else {
        const bool is_gzip = content == Content::gzip;
        const Inside inside(*this, is_gzip ? "gzip" : "zlib");
        outcome =
            inflate({is_gzip ? Compressed::Format::gzip : Compressed::Format::zlib, bytes, std::nullopt, std::nullopt}, nesting);
    }
    return cut && outcome != Outcome::taken ? fail(std::move(*cut)) : outcome;
}

Outcome Run::inflate(const Compressed& input, std::size_t nesting) {
    if (inflated_ / kTotalFactor > limits_.payload_bytes) {
        return fail(ErrorCode::limit, fmt::format("message inflates to more than {} times the limit payload_bytes of {} bytes",
                                                  kTotalFactor, limits_.payload_bytes));
    }
    Outcome outcome;
    if (const auto whole = tools_.inflater.inflate(input, limits_, tools_.pool)) {
        inflated_ += whole->bytes.size();
        outcome = document({{whole->bytes.data(), whole->bytes.size()}, nullptr, true}, nesting + 1);
    } else {
        InflateStream stream(input, limits_, tools_.pool);
        const auto first = stream.next();
        if (!first) {
            // Two bytes alone do not make a zlib stream.
            if (input.format == Compressed::Format::zlib && first.error().code == ErrorCode::corrupt)
                return Outcome::unrecognised;
            return fail(first.error());
        }
        outcome = document({{first->bytes.data(), first->bytes.size()}, first->last ? nullptr : &stream, true}, nesting + 1);
        inflated_ += stream.total();
        if (stream.trailing() && input.format != Compressed::Format::raw)
            note(Severity::note, "gzip.trailing", "bytes after the end of the compressed data were left out");
    }
    // It was read to its end and its checksum matches: something else.
    return outcome == Outcome::unrecognised || outcome == Outcome::text ? Outcome::unrelated : outcome;
}

Outcome Run::archive(std::string_view zip, std::size_t nesting) {
    Outcome outcome = Outcome::empty;
    auto walk =
        walk_zip(zip, limits_, tools_.pool, [&](const Member& found) { outcome = std::max(outcome, member(found, nesting)); });
    if (walk.salvaged)
        note(Severity::warning, "zip.salvaged", "the archive is cut or damaged; its members were found by their own headers");
    if (walk.error) outcome = std::max(outcome, fail(std::move(*walk.error)));
    return outcome;
}

Outcome Run::member(const Member& found, std::size_t nesting) {
    const Inside inside(*this, fmt::format("member \"{}\"", printable(found.name)));
    const std::string outer = std::exchange(name_, found.name);
    Outcome outcome;
    if (found.encrypted) {
        outcome = fail(ErrorCode::unsupported, "archive member is encrypted");
    } else if (found.error && found.bytes.empty()) {
        outcome = fail(*found.error);
    } else if (found.method == Member::kDeflated) {
        outcome = inflate({Compressed::Format::raw, found.bytes, found.size, found.crc}, nesting);
    } else if (found.method == Member::kStored) {
        const bool intact = !found.crc || libdeflate_crc32(0, found.bytes.data(), found.bytes.size()) == *found.crc;
        ErrorSource damage(found.error.value_or(
            Error{.code = ErrorCode::corrupt, .stage = Stage::unpack, .message = "checksum does not match"}));
        outcome = document({found.bytes, intact && !found.error ? nullptr : &damage, false}, nesting + 1);
        if (outcome == Outcome::unrecognised || outcome == Outcome::text) outcome = Outcome::unrelated;
    } else {
        outcome = fail(ErrorCode::unsupported, fmt::format("archive member is compressed by method {}", found.method));
    }
    if (outcome != Outcome::taken && is_exact_report_name(found.name))
        mark("an archive member with the name of a report");
    name_ = outer;
    return outcome;
}

Outcome Run::loose(const Document& given, Content content, std::size_t nesting) {
    Outcome outcome = content == Content::text ? Outcome::text : Outcome::unrecognised;
    if (bears_report_elements(given.head)) {
        if (given.rest == nullptr && looks_quoted_printable(given.head)) {
            const auto decoded = decode(given.head, Encoding::quoted_printable, tools_.pool);
            note(Severity::warning, "mime.encoding.guessed", "quoted-printable that no header declares");
            outcome = deliver({decoded.bytes, nullptr, true}, PayloadKind::text);
        } else {
            outcome = deliver(given, PayloadKind::text);
        }
        // The reader may have overwritten what is ours.
        if (outcome == Outcome::taken || given.own) return outcome;
    } else if (given.rest != nullptr) {
        if (auto error = drain(*given.rest)) return fail(std::move(*error));
        return outcome;
    }
    return given.rest == nullptr && nesting < limits_.nesting ? std::max(outcome, embedded(given.head, content, nesting))
                                                              : outcome;
}

// A document inside of what is otherwise no container: an archive after junk, a base64 block without its header.
Outcome Run::embedded(std::string_view bytes, Content content, std::size_t nesting) {
    Outcome outcome = Outcome::empty;
    const auto try_document = [&](std::string_view found, bool own) {
        const auto failures = result_.failures.size();
        const auto got = document({found, nullptr, own}, nesting + 1);
        // Three bytes in a row may be there by chance.
        if (got == Outcome::failed) result_.failures.resize(std::min(failures, result_.failures.size()));
        return got == Outcome::failed ? Outcome::unrecognised : got;
    };
    if (const auto at = find_archive(bytes); at != std::string_view::npos && at != 0) {
        outcome = try_document(bytes.substr(at), false);
        if (outcome == Outcome::taken)
            note(Severity::warning, "archive.prefixed", fmt::format("{} bytes before the archive were left out", at));
    }
    if (content != Content::text || outcome == Outcome::taken) return outcome;
    for (auto block = find_base64_block(bytes, 0); block && documents_ < limits_.mime_parts;
         block = find_base64_block(bytes, block->end)) {
        const Inside inside(*this, "base64 block");
        const auto decoded = decode(bytes.substr(block->begin, block->end - block->begin), Encoding::base64, tools_.pool);
        const auto outer = std::exchange(packed_, decoded.bytes);
        const auto got = document({decoded.bytes, nullptr, false}, nesting + 1);
        packed_ = outer;
        if (got == Outcome::taken) note(Severity::warning, "mime.encoding.guessed", "base64 that no header declares");
        // Tokens (RFC 7519) begin like JSON too; of that, only the members of a report tell.
        if (!is_settled(got) && recognise(decoded.bytes) != Content::json) mark("a base64 block that begins like a packed report");
        outcome = std::max(outcome, got);
    }
    const auto head = bytes.substr(0, 64 * kKiB);
    if (outcome != Outcome::taken &&
        (head.find("=1F=8B"sv) != std::string_view::npos || head.find("PK=03=04"sv) != std::string_view::npos)) {
        const auto decoded = decode(bytes, Encoding::quoted_printable, tools_.pool);
        if (const auto at = find_archive(decoded.bytes); at != std::string_view::npos) {
            outcome = std::max(outcome, try_document(decoded.bytes.substr(at), false));
            if (outcome == Outcome::taken)
                note(Severity::warning, "mime.encoding.guessed", "quoted-printable that no header declares");
            if (!is_settled(outcome))
                mark("a quoted-printable block that begins like a packed report");
        }
    }
    return outcome;
}

Outcome Run::deliver(const Document& given, PayloadKind kind) {
    Document bounded = given;
    ErrorSource over(Error{.code = ErrorCode::limit,
                           .stage = Stage::unpack,
                           .message = fmt::format("larger than the limit payload_bytes of {} bytes", limits_.payload_bytes)});
    if (bounded.head.size() > limits_.payload_bytes) {
        bounded.head = bounded.head.substr(0, static_cast<std::size_t>(limits_.payload_bytes));
        bounded.rest = &over;
    }
    const bool elements = bears_report_elements(given.head);  // now: the reader may overwrite the bytes
    const bool is_json = kind == PayloadKind::json;
    bool cut = kind == PayloadKind::xml && given.rest == nullptr && is_cut_xml(given.head);
    const Payload payload{kind, containers_, name_, packed_};
    Skeleton skeleton(is_json ? Skeleton::Language::json : Skeleton::Language::xml);
    PayloadSource source(bounded, elements ? nullptr : &skeleton, tools_.pool);
    ++result_.payloads;
    const bool taken = reader_(payload, source) == Taken::yes;
    if (!taken) source.drain();
    result_.bytes_unpacked += source.bytes();
    if (taken) {
        taken_ = true;
        return Outcome::taken;
    }
    if (is_json) cut = skeleton.state() == Skeleton::State::unfinished;
    if (elements || source.elements())
        mark("elements of a report that could not be read");
    else if (cut)
        mark("a document that is cut");
    else if (!source.error() && skeleton.state() == Skeleton::State::whole)
        return Outcome::foreign;
    return source.error() ? fail(*source.error()) : Outcome::refused;
}

}  // namespace whosent::unpack
