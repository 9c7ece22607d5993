#include <cstring>
#include <string>

#include <fmt/format.h>

#include "convert.hpp"
#include "mend.hpp"
#include "scan.hpp"
#include "whosent/base/text.hpp"
#include "whosent/parse/dmarc.hpp"
#include "whosent/parse/dmarc_repairs.hpp"
#include "window.hpp"

namespace whosent::parse {

using OnRecord = FunctionRef<void(const AggregateRecord&, const AggregateReport&)>;

struct AggregateReader::State {
    State(const Limits& the_limits, const RepairSet& off)
        : limits(the_limits), switched_off(off), notes(limits.diagnostics), converter(limits, switched_off, notes) {}

    void start(ByteSource& source, const AggregateReport* known_report);
    Result<void> scan(OnRecord on_record);
    Result<void> finish();

    Result<bool> fast_record(OnRecord on_record);
    Result<void> markup(OnRecord on_record);
    Result<void> open(const Tag& tag, OnRecord on_record);
    Result<void> close(const Tag& tag);
    Result<void> instruction(const Tag& tag);
    Result<void> text_before(std::string_view text);
    Result<std::string_view> element_name(const Tag& tag);
    void feedback(const Tag& tag);
    void declared_encoding(std::string_view name);
    void skip_past(std::string_view delimiter);

    Result<void> section(const Tag& tag, std::string_view name, OnRecord on_record);
    Result<void> convert(std::string_view text, SectionEnd end, Element element, std::string_view name, OnRecord on_record);
    bool load(std::string_view text, SectionEnd end, Element element);
    Result<void> give(OnRecord on_record);
    void lose(Field field, std::string_view name);

    Limits limits;
    RepairSet switched_off;
    Notes notes;
    Converter converter;
    Window window;
    AggregateRecord record;
    std::string mended;

    // Of the current document.
    ParsedAggregate parsed;
    const AggregateReport* known = nullptr;
    std::string open_record = "<record>", close_record = "</record>";  // as this document writes them
    std::uint64_t next_close = 0;    // where close_record stands next, or from where to look for it
    bool close_is_known = false;     // next_close is the former
    bool usual_case = true;          // false after a record that was not, until one is again
    int spellings = 0;               // of <record> so far
    std::string declared_prefixes;   // attributes of <feedback>
    std::string wrapper;             // the outermost element around <feedback>
    std::size_t open_wrappers = 0;
    bool inside = false;    // of <feedback>
    bool skipping = false;  // over what is left of a lost section
    bool feedback_seen = false, feedback_closed = false;
    bool metadata_seen = false, policy_seen = false;
    bool element_seen = false, telltale_seen = false, text_seen = false, nul_seen = false, first_was_angle = false;
    std::string lead;              // the first text that is not markup
    bool unfinished_seen = false;  // markup that the document's end cuts
    std::string cut_within;        // what the document's end cut
};

namespace {

std::unexpected<Error> failure(ErrorCode code, std::string message) {
    return std::unexpected(Error{code, Stage::parse, Persistence::permanent, {}, std::move(message), {}});
}

// Room for a section, and for what follows it to be told from it.
constexpr std::size_t kMargin = 4096;  // bytes

constexpr std::size_t kLeadBytes = 64;  // enough to tell text from bytes of some other kind

constexpr int kMostSpellings = 8;  // of <record>, by prefix, that the usual case learns of one document

constexpr auto npos = std::string_view::npos;

// But for a character that is cut at the end.
bool begins_as_utf8(std::string_view lead) noexcept {
    for (std::size_t cut = 0; cut < 4 && cut <= lead.size(); ++cut) {
        if (is_utf8(lead.substr(0, lead.size() - cut))) return true;
        if (lead.size() < kLeadBytes) break;  // nothing follows
    }
    return false;
}

// string_view::find() looks at each first letter; this one is several times as fast on markup.
std::size_t find(std::string_view text, std::string_view what, std::size_t from) noexcept {
    if (from >= text.size()) return npos;
    const void* found = memmem(text.data() + from, text.size() - from, what.data(), what.size());
    return found == nullptr ? npos : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

void AggregateReader::State::start(ByteSource& source, const AggregateReport* known_report) {
    notes.clear();
    converter.start();
    window.open(source);
    parsed = {};
    known = known_report;
    open_record = "<record>";
    close_record = "</record>";
    next_close = 0;
    close_is_known = false;
    usual_case = true;
    spellings = 0;
    declared_prefixes.clear();
    wrapper.clear();
    open_wrappers = 0;
    inside = skipping = feedback_seen = feedback_closed = metadata_seen = policy_seen = false;
    element_seen = telltale_seen = text_seen = nul_seen = first_was_angle = unfinished_seen = false;
    cut_within.clear();
    lead.clear();
}

Result<void> AggregateReader::State::scan(OnRecord on_record) {
    if (!window.utf16().empty()) {
        if (switched_off.contains(Repair::utf16)) return failure(ErrorCode::unrecognised, "the document is UTF-16");
        notes.add(Code::utf16, Field::document, window.utf16());
    }
    while (true) {
        if (usual_case && inside && !skipping && WHOSENT_TRY(fast_record(on_record))) continue;
        const std::string_view text = window.rest();
        const std::size_t angle = text.find('<');
        WHOSENT_CHECK(text_before(text.substr(0, angle)));
        if (angle == npos) {
            window.consume(text.size());
            if (!window.more()) return {};
            continue;
        }
        window.consume(angle);
        WHOSENT_CHECK(markup(on_record));
    }
}

// The usual case: the next thing is a record whose tags are written like those of the last one, and it is well-formed. That it is makes
// sure, too, that it was cut at the right place. False: the careful way must look at it; nothing was consumed.
Result<bool> AggregateReader::State::fast_record(OnRecord on_record) {
    std::size_t begin = 0;
    std::size_t end = 0;
    while (true) {
        const std::string_view text = window.rest();
        begin = 0;
        while (begin < text.size() && is_space(text[begin])) ++begin;
        if (!text.substr(begin).starts_with(open_record)) return false;
        if (const std::size_t length = converter.load_plain(text.substr(begin), open_record); length > 0) {
            end = begin + length;
            WHOSENT_CHECK(give(on_record));
            window.consume(end);
            return true;
        }
        // What was looked through is not looked through again, or unclosed records would take quadratic time.
        const std::uint64_t position = window.position();
        if (next_close < position + begin) {
            next_close = position + begin;
            close_is_known = false;
        }
        if (!close_is_known) {
            const std::size_t from = static_cast<std::size_t>(next_close - position);
            const std::size_t found = find(text, close_record, from);
            if (found != npos) {
                next_close = position + found;
                close_is_known = true;
            } else if (text.size() >= close_record.size()) {
                next_close = std::max(next_close, position + text.size() - close_record.size() + 1);
            }
        }
        if (close_is_known) {
            end = static_cast<std::size_t>(next_close - position) + close_record.size();
            break;
        }
        if (text.size() - begin > limits.xml_section_bytes || !window.more()) return false;
    }
    const std::string_view text = window.rest().substr(begin, end - begin);
    notes.set_row(parsed.report.records);
    if (!converter.beyond_limits(text).empty() || converter.load(text, Field::record) != Converter::Loaded::yes) {
        notes.clear_row();
        usual_case = false;  // or thousands of unclosed records before one end tag would each be parsed up to it
        return false;
    }
    WHOSENT_CHECK(give(on_record));
    window.consume(end);
    return true;
}

// Text between the markup, outside of sections.
Result<void> AggregateReader::State::text_before(std::string_view text) {
    if (element_seen || unfinished_seen || text.empty()) return {};
    lead += text.substr(0, kLeadBytes - lead.size());  // of all pieces, or the size of the chunks would matter
    if (trim(text).empty()) return {};
    text_seen = true;
    if (text.find('\0') != npos) nul_seen = true;
    return {};
}

// The markup at the start of the window.
Result<void> AggregateReader::State::markup(OnRecord on_record) {
    if (window.position() == 0) first_was_angle = true;
    Tag tag;
    while (true) {
        const std::string_view text = window.rest();
        if (unfinished_seen && (text.starts_with("<!") || text.starts_with("<?"))) {
            tag = Tag{};
            break;
        }
        tag = Scanner(text).at(0);
        if (tag.kind != Markup::incomplete) break;
        if (text.size() > limits.xml_section_bytes) {
            skip_past(text.starts_with("<!--") ? "-->" : text.starts_with("<![CDATA[") ? "]]>" : ">");
            return {};
        }
        if (window.more()) continue;
        unfinished_seen = true;
        window.consume(1);
        return {};
    }
    switch (tag.kind) {
        case Markup::open: return open(tag, on_record);
        case Markup::close: WHOSENT_CHECK(close(tag)); break;
        case Markup::instruction: WHOSENT_CHECK(instruction(tag)); break;
        case Markup::doctype: notes.add(Code::doctype, Field::document); break;
        case Markup::text: tag.end = 1; break;
        default: break;
    }
    window.consume(tag.end);
    return {};
}

void AggregateReader::State::skip_past(std::string_view delimiter) {
    window.consume(1);
    while (true) {
        const std::string_view text = window.rest();
        const std::size_t found = text.find(delimiter);
        if (found != npos) return window.consume(found + delimiter.size());
        window.consume(text.size() - std::min(text.size(), delimiter.size() - 1));
        if (!window.more()) return window.consume(window.rest().size());
    }
}

// XML 1.0 section 2.8: the declaration is the first thing in a document, or is not there.
Result<void> AggregateReader::State::instruction(const Tag& tag) {
    std::string_view content = tag.attributes;
    if (!content.starts_with("xml") || (content.size() > 3 && !is_space(content[3]) && content[3] != '?')) return {};
    if (element_seen) return {};
    std::string_view odd;
    if (window.position() != 0) odd = "something stands before the XML declaration";
    if (content.ends_with('?')) {
        content.remove_suffix(1);
    } else {
        odd = "the XML declaration is malformed";
    }
    content.remove_prefix(3);
    if (!attributes_well_formed(content) || attribute(content, "version").empty()) odd = "the XML declaration is malformed";
    if (!odd.empty()) {
        if (switched_off.contains(Repair::declaration)) return failure(ErrorCode::corrupt, std::string(odd));
        notes.add(Code::declaration, Field::document, odd);
    }
    text_seen = false;
    declared_encoding(attribute(content, "encoding"));
    return {};
}

void AggregateReader::State::declared_encoding(std::string_view name) {
    const std::string encoding = to_lower(name);
    const bool utf16_declared = encoding.starts_with("utf-16") || encoding.starts_with("ucs-2");
    if (!window.utf16().empty()) return;  // what the bytes are is beyond doubt
    for (const std::string_view utf8 : {"", "utf-8", "utf8", "us-ascii", "ascii"}) {
        if (encoding == utf8) return;
    }
    // The two differ in characters that ISO-8859-1 does not use (WHATWG Encoding, section 4.2).
    for (const std::string_view legacy : {"windows-1252", "cp1252", "iso-8859-1", "iso8859-1", "latin1", "latin-1", "iso_8859-1"}) {
        if (encoding == legacy) return converter.start(name);
    }
    notes.add(Code::declared_mismatch, Field::document, utf16_declared ? "UTF-16" : name);
}

// The local name of an element, or all of it where prefixes are not to be understood.
Result<std::string_view> AggregateReader::State::element_name(const Tag& tag) {
    const std::string_view local = local_name(tag.name);
    if (local.size() == tag.name.size()) return local;
    const bool known_name = is_section(local) || is_telltale(local) || child_of(Field::feedback, local).field != Field::extension;
    if (!known_name) return local;
    if (switched_off.contains(Repair::namespace_prefix)) return tag.name;
    const std::string_view prefix = prefix_of(tag.name);
    const std::string_view attributes = local == "feedback" ? tag.attributes : std::string_view(declared_prefixes);
    const std::string declaration = fmt::format("xmlns:{}", prefix);
    if (attribute(attributes, declaration).empty() && attribute(tag.attributes, declaration).empty() && open_wrappers == 0) {
        // Namespaces in XML 1.0 section 5
        if (switched_off.contains(Repair::undeclared_prefix)) {
            return failure(ErrorCode::corrupt, fmt::format("the namespace prefix {} is not declared", printable(prefix, 40)));
        }
        notes.add(Code::undeclared_prefix, Field::document, prefix);
    } else {
        notes.add(Code::prefix, Field::document, prefix);
    }
    return local;
}

Result<void> AggregateReader::State::open(const Tag& tag, OnRecord on_record) {
    const std::string_view name = WHOSENT_TRY(element_name(tag));
    if (text_seen && !element_seen) {
        if (switched_off.contains(Repair::declaration)) return failure(ErrorCode::corrupt, "text stands before the first element");
        if (is_telltale(name)) notes.add(Code::declaration, Field::document, "text stands before the first element");
    }
    element_seen = true;
    if (is_telltale(name)) telltale_seen = true;
    if (name == "feedback") {
        feedback(tag);
        window.consume(tag.end);
        return {};
    }
    if (is_section(name)) {
        if (!inside && (feedback_closed || !feedback_seen) && !switched_off.contains(Repair::missing_root)) {
            return section(tag, name, on_record);
        }
        if (inside) return section(tag, name, on_record);
    } else if (inside && !skipping) {
        return section(tag, name, on_record);
    }
    if (!inside && !feedback_seen && !tag.self_closing && open_wrappers++ == 0) wrapper = local_name(tag.name);
    window.consume(tag.end);
    return {};
}

void AggregateReader::State::feedback(const Tag& tag) {
    if (!feedback_seen) {
        const std::string_view prefix = prefix_of(tag.name);
        declared_prefixes = tag.attributes;
        parsed.report.xml_namespace = attribute(tag.attributes, prefix.empty() ? "xmlns" : fmt::format("xmlns:{}", prefix));
        if (parsed.report.xml_namespace.size() > limits.value_bytes) parsed.report.xml_namespace.clear();
    }
    feedback_seen = true;
    skipping = false;
    inside = !tag.self_closing;
    feedback_closed = tag.self_closing;
}

Result<void> AggregateReader::State::close(const Tag& tag) {
    const std::string_view name = local_name(tag.name);
    if (name == "feedback") {
        inside = skipping = false;
        if (feedback_seen) feedback_closed = true;
    } else if (is_section(name)) {
        // The end of a record whose beginning is gone.
        if (!skipping && telltale_seen) {
            if (name == "record") {
                lose(Field::record, name);
            } else {
                lose(child_of(Field::feedback, name).field, name);
            }
        }
        skipping = false;
    } else if (!inside && open_wrappers > 0) {
        --open_wrappers;
    }
    return {};
}

// Cuts the section that begins with `tag` at the start of the window, and converts it.
Result<void> AggregateReader::State::section(const Tag& tag, std::string_view view_of_name, OnRecord on_record) {
    const std::string name(view_of_name);
    const std::string full_name(tag.name);
    const Element element = child_of(Field::feedback, name);
    const bool plain = tag.attributes.empty() && !tag.self_closing;
    skipping = false;
    if (!inside) notes.add(Code::missing_root, Field::document, name);
    std::size_t length = tag.end;
    const std::size_t tag_length = tag.end;
    SectionEnd end = tag.self_closing ? SectionEnd::closed : SectionEnd::cut;
    bool final = false;
    bool found = tag.self_closing;
    while (!found) {
        const std::string_view text = window.rest().substr(0, limits.xml_section_bytes + kMargin);
        Scanner scanner(text);
        std::size_t depth = 1;
        std::size_t at = tag_length;
        while (!found) {
            at = scanner.next(at);
            if (at == npos) break;
            const Tag inner = scanner.at(at);
            if (inner.kind == Markup::incomplete) {
                if (!final) break;
                ++at;
                continue;
            }
            at = inner.end;
            const std::string_view local = local_name(inner.name);
            if (!telltale_seen && is_telltale(local)) telltale_seen = true;
            if (inner.kind == Markup::close && local == name && --depth == 0) {
                end = SectionEnd::closed;
                length = inner.end;
                found = true;
            } else if ((inner.kind == Markup::open || inner.kind == Markup::close) && (is_section(local) || local == "feedback")) {
                if (inner.kind == Markup::close && local == name) continue;
                end = SectionEnd::unclosed;
                length = inner.begin;
                found = true;
            } else if (inner.kind == Markup::open && local == name && !inner.self_closing) {
                ++depth;
            }
        }
        if (found) break;
        if (window.rest().size() > limits.xml_section_bytes + kMargin) {
            notes.add(Code::limit, element.field, "the element is longer than the limit xml_section_bytes");
            lose(element.field, name);
            skipping = true;
            window.consume(tag_length);
            return {};
        }
        if (final) {
            length = window.rest().size();
            break;
        }
        if (!window.more()) final = true;
    }
    const std::string_view text = window.rest().substr(0, length);
    const std::string close_tag = fmt::format("</{}>", full_name);
    const bool usual = element.field == Field::record && plain && text.ends_with(close_tag);
    WHOSENT_CHECK(convert(text, end, element, name, on_record));
    window.consume(length);
    // Each new spelling means looking for its end tag anew, so that a document gets only a few.
    if (usual && close_tag != close_record && spellings++ < kMostSpellings) {
        open_record = fmt::format("<{}>", full_name);
        close_record = close_tag;
        next_close = window.position();
        close_is_known = false;
    }
    return {};
}

// Parses a section, mending it where it must be. False: it is lost.
bool AggregateReader::State::load(std::string_view text, SectionEnd end, Element element) {
    if (const std::string_view limit = converter.beyond_limits(text); !limit.empty()) {
        notes.add(Code::limit, element.field, limit);
        return false;
    }
    if (end == SectionEnd::closed) {
        const Converter::Loaded loaded = converter.load(text, element.field);
        if (loaded == Converter::Loaded::yes) usual_case = true;
        if (loaded != Converter::Loaded::malformed) return loaded == Converter::Loaded::yes;
    }
    return mend(text, element, end, limits.xml_depth, switched_off, notes, mended) &&
           converter.load(mended, element.field) == Converter::Loaded::yes;
}

Result<void> AggregateReader::State::convert(std::string_view text, SectionEnd end, Element element, std::string_view name, OnRecord on_record) {
    if (end == SectionEnd::cut) {
        cut_within = element.field == Field::record ? fmt::format(", within record {}", parsed.report.records + parsed.records_lost)
                                                    : fmt::format(", within <{}>", printable(name, 40));
        if (element.field == Field::record) ++parsed.records_lost;
        if (element.field != Field::policy_published) return {};
    }
    const bool is_metadata = element.field == Field::report_metadata;
    const bool is_policy = element.field == Field::policy_published;
    if ((is_metadata && metadata_seen) || (is_policy && policy_seen)) {
        notes.add(Code::duplicate, element.field, name);
        return {};
    }
    if ((is_metadata || is_policy) && parsed.report.records > 0) {
        if (switched_off.contains(Repair::section_order)) {
            lose(element.field, name);
            return {};
        }
        notes.add(Code::order, element.field, name);
        if (is_policy && known == nullptr) parsed.policy_came_late = true;
    }
    if (element.field == Field::record) notes.set_row(parsed.report.records);
    if (!load(text, end, element)) {
        notes.clear_row();
        lose(element.field, name);
        return {};
    }
    switch (element.field) {
        case Field::record: return give(on_record);
        case Field::report_metadata:
            converter.metadata(parsed.report);
            metadata_seen = true;
            break;
        case Field::policy_published:
            converter.policy(parsed.report);
            policy_seen = true;
            break;
        case Field::version: converter.version(parsed.report); break;
        default:
            if (name == "error") {
                converter.error(parsed.report);
            } else {
                converter.extension(parsed.report, name);
            }
    }
    return {};
}

Result<void> AggregateReader::State::give(OnRecord on_record) {
    if (parsed.report.records >= limits.rows) {
        return failure(ErrorCode::limit, fmt::format("the report has more rows than the limit rows ({})", limits.rows));
    }
    notes.set_row(parsed.report.records);
    converter.record(record);
    notes.clear_row();
    const bool empty = !record.source_ip && !record.count && record.source_ip_raw.empty() && record.header_from.empty() &&
                       record.dkim_results.empty() && record.spf_results.empty();
    if (empty) {
        if (feedback_seen || metadata_seen) lose(Field::record, "record");  // otherwise some other XML with elements called record
        return {};
    }
    record.ordinal = parsed.report.records++;
    on_record(record, known != nullptr ? *known : parsed.report);
    return {};
}

void AggregateReader::State::lose(Field field, std::string_view name) {
    notes.clear_row();
    if (field == Field::record) {
        notes.add_each(Code::record_lost, field, fmt::format("{}", parsed.report.records + parsed.records_lost));
        ++parsed.records_lost;
    } else {
        notes.add(Code::section_lost, field, name);
    }
}

// The document has ended: is there a report, and what is missing of it?
Result<void> AggregateReader::State::finish() {
    const bool cut = (feedback_seen && !feedback_closed) || !cut_within.empty();
    if (!metadata_seen && parsed.report.records == 0) {
        if (window.error()) return std::unexpected(*window.error());
        if (notes.has(Code::limit)) return failure(ErrorCode::limit, "the report is beyond the limits of XML length, nodes or depth");
        if (telltale_seen) {
            if (cut) return failure(ErrorCode::truncated, "the report ends before its metadata or a record is complete");
            return failure(ErrorCode::corrupt, "the report holds neither readable metadata nor a readable record");
        }
        if (!element_seen && !text_seen && !first_was_angle) return failure(ErrorCode::truncated, "the document is empty");
        if (!element_seen && !text_seen) return failure(ErrorCode::truncated, "the document ends before its first element");
        if (!element_seen && (nul_seen || !begins_as_utf8(lead))) return failure(ErrorCode::unrecognised, "the document is neither XML nor text");
        return failure(ErrorCode::not_a_report, "the document holds no element of an aggregate report");
    }
    if (window.error()) notes.add(Code::source_failed, Field::document, to_string(*window.error()));
    if (cut) {
        if (switched_off.contains(Repair::truncated)) return failure(ErrorCode::truncated, "the document ends before </feedback>");
        notes.add(Code::truncated, Field::document, cut_within);
    }
    if (feedback_closed && open_wrappers > 0) {
        if (switched_off.contains(Repair::unclosed_wrapper)) {
            return failure(ErrorCode::corrupt, fmt::format("the element <{}> is never closed", printable(wrapper, 40)));
        }
        notes.add(Code::unclosed_wrapper, Field::document, wrapper);
    }
    if (!metadata_seen) notes.add(Code::missing_required, Field::report_metadata);
    if (!policy_seen) notes.add(Code::missing_required, Field::policy_published);
    if (parsed.report.records == 0 && parsed.records_lost == 0) notes.add(Code::no_records, Field::feedback);
    return {};
}

AggregateReader::AggregateReader(const Limits& limits) : AggregateReader(limits, RepairSet()) {}
AggregateReader::AggregateReader(const Limits& limits, const RepairSet& switched_off) : state_(std::make_unique<State>(limits, switched_off)) {}
AggregateReader::~AggregateReader() = default;
AggregateReader::AggregateReader(AggregateReader&&) noexcept = default;
AggregateReader& AggregateReader::operator=(AggregateReader&&) noexcept = default;

Result<ParsedAggregate> AggregateReader::read(ByteSource& source, OnRecord on_record, const AggregateReport* known) {
    State& state = *state_;
    state.start(source, known);
    WHOSENT_CHECK(state.scan(on_record));
    WHOSENT_CHECK(state.finish());
    state.parsed.repaired = state.notes.repaired();
    state.parsed.diagnostics_dropped = state.notes.dropped();
    state.parsed.diagnostics = state.notes.take();
    return std::move(state.parsed);
}

}  // namespace whosent::parse
