// Skeleton: whether an XML or JSON document is whole, told chunk by chunk from its brackets and strings alone. It decides what is said
// of a document in which nobody found a report: another document, or one that is damaged. Cheap in memory; pure. One thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace whosent::unpack {

class Skeleton {
public:
    enum class Language : std::uint8_t { xml, json };
    enum class State : std::uint8_t {
        unfinished,  // more has to come
        whole,       // one root, closed, and nothing after it
        broken,      // no document of that language, or one nested deeper than 10,000
    };
    explicit Skeleton(Language language) noexcept : language_(language) {}

    // UTF-8 or UTF-16, of which only what is ASCII is looked at.
    void feed(std::string_view bytes);
    [[nodiscard]] State state() const noexcept {
        return state_ == State::unfinished && rooted_ && open_.empty() && place_ == Place::content ? State::whole : state_;
    }

private:
    enum class Place : std::uint8_t {
        content,
        string,        // JSON, and its escapes
        escape,
        less,          // after '<'
        open_name,     // <name
        tag,           // <name ...
        quoted,        // <name x="...
        close_name,    // </name
        instruction,   // <? ... ?>
        exclamation,   // <! before it is known what follows
        comment,       // <!-- ... -->
        cdata,         // <![CDATA[ ... ]]>
        doctype,       // <!DOCTYPE ... [ ... ] >
    };

    void xml(char c);
    void json(char c);
    void open(std::uint32_t what);
    void close(std::uint32_t what);

    Language language_;
    State state_ = State::unfinished;
    Place place_ = Place::content;
    bool rooted_ = false;
    char quote_ = 0;
    char last_ = 0, before_last_ = 0;
    int brackets_ = 0;
    std::uint32_t name_ = 0;           // hash of the name at hand
    std::vector<std::uint32_t> open_;  // hashes of element names, or brackets
};

}  // namespace whosent::unpack
