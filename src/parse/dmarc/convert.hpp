// Converter: one section of a report, through pugixml, into the model. Holds one section at a time; what it filled a record with is valid until
// the next load(). One thread at a time.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

#include "notes.hpp"
#include "plain.hpp"
#include "schema.hpp"
#include "values.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/parse/dmarc_repairs.hpp"

namespace whosent::parse {

class Converter {
public:
    Converter(const Limits& limits, const RepairSet& switched_off, Notes& notes)
        : limits_(limits), switched_off_(switched_off), notes_(notes), reading_{switched_off, notes} {}

    // A new document; `legacy_encoding`: windows-1252 or ISO-8859-1 is declared, and named so.
    void start(std::string_view legacy_encoding = {});

    enum class Loaded : unsigned char {
        yes,
        malformed,  // may be mended
        no,         // a repair is switched off
    };
    // Which limit the section is beyond, in words; empty: none.
    [[nodiscard]] std::string_view beyond_limits(std::string_view section) const;
    // Parses a copy of the section, which is within the limits.
    [[nodiscard]] Loaded load(std::string_view section, Field field);

    // Reads the record that `text` begins with where it stands, without a copy, if it is plain (plain.hpp). Returns its length, or 0. `text`
    // must outlive the use of the record.
    [[nodiscard]] std::size_t load_plain(std::string_view text, std::string_view open);

    // What was loaded, as what it is. Text goes into `report`; `record` points into the converter.
    void metadata(AggregateReport& report);
    void policy(AggregateReport& report);
    void version(AggregateReport& report);
    void error(AggregateReport& report);
    // An element of <feedback> that is none of the above.
    void extension(AggregateReport& report, std::string_view name);
    void record(AggregateRecord& record);

private:
    // An element of either tree; names end in NUL or '>', and may be read kSlack bytes on.
    class XmlNode;
    class PlainElement;

    template <class Node, class F>
    void each(Node parent, Field field, F&& known);
    template <class Node, class T, class Text, std::size_t N>
    void word(Token<T, Text>& token, Node node, const std::array<Word<T>, N>& words, Field field);
    template <class Node, class Text>
    void text(Text& into, Node node, Field field);
    template <class Node>
    std::string_view text(Node node, Field field);
    template <class Node>
    std::string_view slow_text(Node node, Field field);
    template <class Node>
    void unknown(Node node, Field parent);
    template <class Node>
    void keep_subtree(Node node, const std::string& path, std::size_t depth);
    void time(std::optional<Seconds>& into, bool& seen, XmlNode node, Field field);

    template <class Node>
    void convert_record(Node root, AggregateRecord& record);
    template <class Node>
    void row(Node node, AggregateRecord& record);
    template <class Node>
    void policy_evaluated(Node node, AggregateRecord& record);
    template <class Node>
    void identifiers(Node node, AggregateRecord& record);
    template <class Node>
    void dkim_result(Node node, AggregateRecord& record);
    template <class Node>
    void spf_result(Node node, AggregateRecord& record);

    std::string_view clean(std::string_view value, Field field);
    std::string_view odd_value(std::string_view value, Field field);
    bool prepare_odd(std::size_t size);
    std::string_view keep_text(std::string text);
    void keep_attributes(XmlNode node, const std::string& path);
    void keep_attributes(PlainElement node, const std::string& path);  // it has none
    void keep(std::string path, std::string_view text);

    const Limits& limits_;
    const RepairSet& switched_off_;
    Notes& notes_;
    Reading reading_;
    pugi::xml_document document_;
    PlainTree plain_;
    bool is_plain_ = false;  // what was loaded is in plain_, not in document_
    std::string scratch_;
    std::deque<std::string> texts_;  // values that are not as they stood in the section
    std::string legacy_encoding_;
    std::vector<Code> odd_;  // what was mended of the bytes of the section
    bool not_utf8_ = false;  // the section holds bytes that are not UTF-8, or must be decoded
    bool has_attributes_ = false;  // the section may have attributes
    AggregateReport* report_ = nullptr;
    AggregateRecord* record_ = nullptr;
    bool standard_extension_ = false;
};

}  // namespace whosent::parse
