// Builder: the handler that Boost.JSON's basic_parser calls for each token; it builds the report, within the limits. It holds the value that is
// being read and one frame for each open object or array that the standard knows; what it does not know it only counts the depth of. One report each;
// one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/error.hpp>

#include "notes.hpp"
#include "values.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/model/tls_report.hpp"

namespace whosent::parse::tls {

class Builder {
public:
    // What basic_parser wants to know. Lengths are bounded here, not there: a long value is cut, not an error.
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    // All must outlive the builder.
    Builder(const Limits& limits, const TlsRepairSet& switched_off, Notes& notes, TlsReport& report)
        : limits_(limits), reading_{switched_off, notes}, notes_(notes), report_(report) {}

    // The document has ended before its last brace: keeps what was complete of the policy that is open.
    void salvage();
    // Notes what is missing or odd of the report as a whole. After all policies.
    void check_report();

    // Members of a TLS report were seen, wherever they stood.
    [[nodiscard]] bool telltale() const noexcept { return telltale_; }
    // Policies or failure details were left out.
    [[nodiscard]] bool lost() const noexcept { return lost_; }

    bool on_document_begin(boost::system::error_code&) { return true; }
    bool on_document_end(boost::system::error_code&) { return true; }
    bool on_object_begin(boost::system::error_code&);
    bool on_object_end(std::size_t, boost::system::error_code&);
    bool on_array_begin(boost::system::error_code&);
    bool on_array_end(std::size_t, boost::system::error_code&);
    bool on_key_part(std::string_view part, std::size_t, boost::system::error_code&);
    bool on_key(std::string_view part, std::size_t, boost::system::error_code&);
    bool on_string_part(std::string_view part, std::size_t, boost::system::error_code&);
    bool on_string(std::string_view part, std::size_t, boost::system::error_code&);
    bool on_number_part(std::string_view part, boost::system::error_code&);
    bool on_int64(std::int64_t, std::string_view part, boost::system::error_code&);
    bool on_uint64(std::uint64_t, std::string_view part, boost::system::error_code&);
    bool on_double(double, std::string_view part, boost::system::error_code&);
    bool on_bool(bool, boost::system::error_code&);
    bool on_null(boost::system::error_code&);
    bool on_comment_part(std::string_view, boost::system::error_code&) { return true; }
    bool on_comment(std::string_view, boost::system::error_code&) { return true; }

private:
    struct Frame {
        Field place = Field::document;
        bool array = false;
        std::uint32_t seen = 0;      // members so far, a bit for each Field
        std::uint32_t complete = 0;  // those of them that are objects and were closed
    };

    // Where the next value belongs: the member that was named last, or the items of the open array.
    [[nodiscard]] Field slot() const noexcept;
    void open(Field place, bool array);
    void skip(Field field, std::string_view what);
    void wrong_type(Field field, std::string_view what);
    void close();
    // Notes the required members of an object that are missing.
    void check_members(const Frame& frame);
    void named(std::string_view name);
    void gather(std::string_view part);
    // The string or number in text_ is complete.
    void scalar(bool is_string);
    void value(Field field, std::string_view text, bool is_string);
    [[nodiscard]] std::string decoded(Field field);
    void keep(std::string& into, std::string_view text);
    void add(Field field, std::vector<std::string>& into, std::string_view text);
    void address(Field field, std::optional<IpAddress>& into, std::string& raw, std::string_view text);
    // Counts what is about to be kept; false: it would be more than the limit, and so is everything after it.
    [[nodiscard]] bool charge(std::size_t bytes);

    const Limits& limits_;
    Reading reading_;
    Notes& notes_;
    TlsReport& report_;

    static constexpr std::size_t kFrames = 6;  // the deepest place: document, policies, entry, failure_details, detail
    Frame frames_[kFrames];
    std::size_t depth_ = 0;     // frames in use
    std::size_t skipping_ = 0;  // levels within a value that is not wanted
    Field member_ = Field::unknown;  // of the open object, named last; unknown: not wanted
    std::string key_, text_;
    bool text_long_ = false;
    TlsPolicy policy_;
    TlsFailureDetails detail_;
    std::uint64_t ordinal_ = 0;  // of the policy
    std::size_t used_ = 0;       // bytes that the report takes in memory
    bool telltale_ = false;
    bool lost_ = false;
};

}  // namespace whosent::parse::tls
