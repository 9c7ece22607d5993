// One message on its way through the door: the recursion over MIME parts (run_message.cpp) and over containers
// (run_document.cpp). Lives for one call of Unpacker::unpack; the state it borrows lives longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unpack/archive.hpp"
#include "unpack/buffers.hpp"
#include "unpack/entity.hpp"
#include "unpack/inflate.hpp"
#include "unpack/recognise.hpp"
#include "whosent/unpack/unpack.hpp"

namespace whosent::unpack {

// What became of a document; of several, the greatest stands for all.
enum class Outcome : std::uint8_t {
    empty,
    unrecognised,  // bytes of no known kind
    text,          // readable text without a report in it
    unrelated,     // read to its end, and something else
    refused,       // handed to the reader, who found no report
    failed,        // stands in `failures`
    taken,
};

// A document of which at least the beginning is in memory.
struct Document {
    std::string_view head;
    ByteSource* rest = nullptr;  // what follows `head`; nothing when that is all
    bool own = false;            // `head` lies in a buffer of ours that the reader may overwrite
};

struct Tools {
    explicit Tools(const Limits& given) : limits(given) {}
    Limits limits;
    BufferPool pool;
    WholeInflater inflater;
};

class Run {
public:
    using Reader = FunctionRef<Taken(const Payload&, ByteSource&)>;
    Run(Tools& tools, const RawMessage& input, Reader reader)
        : tools_(tools), limits_(tools.limits), input_(input), reader_(reader) {}

    [[nodiscard]] Unpacked go() &&;

private:
    // run_message.cpp
    void bare(std::string_view bytes);
    void message(std::string_view bytes, std::size_t depth, const std::string& path);
    void entity(const Header& header, std::size_t depth, const std::string& path);
    [[nodiscard]] bool multipart(const Header& header, const Part& part, std::size_t depth, const std::string& path);
    void leaf(const Header& header, const Part& part, std::size_t depth, const std::string& path);
    void stray_text(std::string_view text, std::string_view where, bool headers);
    void mark_leaf(const Part& part, std::string_view bytes, Outcome outcome);
    void mark_text(std::string_view bytes, bool headers);
    [[nodiscard]] bool count_part();

    // run_document.cpp
    Outcome document(const Document& document, std::size_t nesting);
    Outcome container(const Document& document, Content content, std::size_t nesting);
    Outcome inflate(const Compressed& input, std::size_t nesting);
    Outcome archive(std::string_view zip, std::size_t nesting);
    Outcome member(const Member& member, std::size_t nesting);
    Outcome loose(const Document& document, Content content, std::size_t nesting);
    Outcome embedded(std::string_view bytes, Content content, std::size_t nesting);
    Outcome deliver(const Document& document, PayloadKind kind);

    Outcome fail(Error error);
    Outcome fail(ErrorCode code, std::string message) {
        return fail(Error{.code = code, .stage = Stage::unpack, .message = std::move(message)});
    }
    void mark(std::string_view why);
    void note(Severity severity, std::string_view code, std::string message);
    [[nodiscard]] std::string where() const;

    // Names one container for as long as it is open.
    class Inside {
    public:
        Inside(Run& run, std::string label) : run_(run) { run_.containers_.push_back(std::move(label)); }
        ~Inside() { run_.containers_.pop_back(); }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

    private:
        Run& run_;
    };

    Tools& tools_;
    const Limits& limits_;
    const RawMessage& input_;
    Reader reader_;
    Unpacked result_;
    std::vector<std::string> containers_;
    std::string name_;  // of the innermost file
    std::string_view packed_;
    std::size_t parts_ = 0;
    std::size_t documents_ = 0;
    std::uint64_t inflated_ = 0;
    bool taken_ = false;
    bool cut_ = false;    // the outermost multipart ends before its last part
    bool quiet_ = false;  // within a bounce: what it returns is no mark
};

}  // namespace whosent::unpack
