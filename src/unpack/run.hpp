// One message on its way through the door: the recursion over MIME parts (run_message.cpp), the message as a report in itself
// (run_mail.cpp), and over containers (run_document.cpp). Lives for one call of Unpacker::unpack; the state it borrows lives longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
    foreign,       // the same, and XML or JSON: its type and the ending of its name promise nothing
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

// A part of a message that is no multipart.
struct Leaf {
    enum class Role : std::uint8_t { other, text, feedback, original };
    Role role;
    Encoding encoding;
    std::string_view body;    // still encoded
    std::string_view parent;  // the body of the multipart around it
    std::string type;
    std::string label;
};

// How a part is called in Payload::containers.
[[nodiscard]] std::string label_of(const Part& part, std::string_view path);

// The message at hand, as a report in itself.
struct Mail {
    std::string_view bytes;
    const Header& header;
    std::size_t depth;
    std::string path;
    std::size_t containers;  // open around it
    bool surveyed = false;   // its feedback reports were offered
    bool fed = false;        // there is one
    std::vector<Leaf> leaves;
    std::vector<std::string_view> done;  // bodies of the parts that belong to a report that was taken
};

class Run {
public:
    Run(Tools& tools, const RawMessage& input, Unpacker::Reader reader, Unpacker::MailReader mail_reader)
        : tools_(tools), limits_(tools.limits), input_(input), reader_(reader), mail_reader_(mail_reader) {}

    [[nodiscard]] Unpacked go() &&;

private:
    // run_message.cpp
    void bare(std::string_view bytes);
    void message(std::string_view bytes, std::size_t depth, const std::string& path);
    void entity(const Header& header, std::size_t depth, const std::string& path);
    [[nodiscard]] bool multipart(const Header& header, const Part& part, std::size_t depth, const std::string& path);
    void leaf(const Header& header, const Part& part, std::size_t depth, const std::string& path);
    struct Splitting {
        PartSplitter splitter;
        bool guessed;  // the delimiter is not the declared one
    };
    // The parts of what is a multipart. `part` must outlive what is returned.
    [[nodiscard]] static std::optional<Splitting> split(const Header& header, const Part& part);
    void stray_text(std::string_view text, std::string_view where, bool headers);
    void mark_leaf(const Part& part, std::string_view bytes, Outcome outcome);
    void mark_text(std::string_view bytes, bool headers);
    [[nodiscard]] bool count_part();

    // run_mail.cpp
    void offer_feedback();
    void offer_whole();
    [[nodiscard]] bool is_done(std::string_view body) const noexcept;
    void survey(Mail& mail, const Header& header, std::size_t depth, const std::string& path, std::string_view parent);
    [[nodiscard]] bool offer(const Leaf* feedback, const Leaf* original, std::string_view parent);
    [[nodiscard]] Decoded fields_of(const Leaf& leaf, std::size_t most, bool (&is_plain)(std::string_view) noexcept);

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
    void drop_failures_of_originals();
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
    Unpacker::Reader reader_;
    Unpacker::MailReader mail_reader_;
    Unpacked result_;
    Mail* mail_ = nullptr;
    std::vector<std::string> containers_;
    std::string name_;  // of the innermost file
    std::string_view packed_;
    std::size_t parts_ = 0;
    std::size_t surveyed_ = 0;
    std::size_t documents_ = 0;
    std::uint64_t inflated_ = 0;
    std::vector<std::pair<std::size_t, std::size_t>> failures_of_originals_;  // ranges within the failures of the outermost message
    bool taken_ = false;
    bool cut_ = false;    // the outermost multipart ends before its last part
    bool quiet_ = false;  // within a bounce: what it returns is no mark
};

}  // namespace whosent::unpack
