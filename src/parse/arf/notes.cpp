#include "notes.hpp"

#include <algorithm>
#include <array>

namespace whosent::parse::arf {
namespace {

using enum Severity;
// Mere notes: what a report simply lacks or adds, and what is taken from the original instead. That is no damage.
constexpr std::array<Wording, kCodes> kWordings = {{
    {warning, "arf.block.bare_cr", "lines end with a carriage return alone"},
    {warning, "arf.block.quoted", "the lines are quoted with >"},
    {warning, "arf.block.indented", "every line begins with white space"},
    {warning, "arf.block.unfolded", "a value goes on in a line that does not begin with white space"},
    {warning, "arf.block.blank_lines", "empty lines before or between the fields"},
    {warning, "arf.block.line_lost", "a line that is no field is left out"},
    {error, "arf.block.limit", "longer than the limit header_bytes, the rest is left out"},
    {warning, "arf.value.long", "the value is cut, it is longer than the limit value_bytes"},
    {error, "arf.value.limit", "more than {} of them, the rest is left out"},
    {warning, "arf.fields_in_text", "the fields of the report stand in the text, there is no feedback-report part"},
    {warning, "arf.plain_note", "a note in plain text, there is no feedback-report part"},
    {warning, "arf.report_text", "read from the sentence \"{}\", there is no feedback-report part"},
    {warning, "arf.microsoft_old", "Microsoft's old form, there is no feedback-report part"},
    {warning, "arf.apple_unsubscribe", "Apple Mail asks to unsubscribe, there is no feedback-report part"},
    {note, "arf.field.missing", "a required field is missing or empty"},
    {warning, "arf.field.duplicate", "the field comes more than once, the first one counts"},
    {note, "arf.field.unknown", "no standard has the field {}, left out"},
    {note, "arf.version", "the version is {}, not 1"},
    {warning, "arf.token.unknown", "\"{}\" is no value that the standards know"},
    {note, "arf.received_date", "Received-Date read as Arrival-Date"},
    {warning, "arf.domain.list", "more than one domain in a field: \"{}\""},
    {warning, "arf.domain.unreadable", "\"{}\" is not a domain name"},
    {warning, "arf.ip.host", "more than the address stands there: \"{}\""},
    {warning, "arf.ip.brackets", "the address \"{}\" stands in brackets"},
    {warning, "arf.ip.port", "the address \"{}\" has a port, left out"},
    {warning, "arf.ip.mapped", "the IPv4 address is written as IPv6: \"{}\""},
    {warning, "arf.ip.unreadable", "\"{}\" is not an IP address"},
    {warning, "arf.date.zone", "the time zone of \"{}\" is no standard one"},
    {warning, "arf.date.iso", "the date \"{}\" is not written as RFC 5322 has it"},
    {warning, "arf.date.unreadable", "\"{}\" cannot be read as a time"},
    {warning, "arf.number.unreadable", "\"{}\" is not a number that could stand there"},
    {warning, "arf.results.no_authserv_id", "the name of who authenticated is missing"},
    {warning, "arf.results.yahoo", "the domain stands before its result"},
    {warning, "arf.results.unreadable", "no result could be read"},
    {note, "arf.json.tail", "there is more than the JSON, left out"},
    {warning, "arf.json.member", "the member is not of the type that Amazon documents"},
    {note, "arf.derived", "missing, taken from {}"},
}};

}  // namespace

void Notes::add(Code code, std::string_view where, std::string_view value) {
    const Wording& wording = kWordings[static_cast<std::size_t>(code)];
    if (std::ranges::any_of(diagnostics_, [&](const Diagnostic& told) { return told.code == wording.code && told.where == where; })) return;
    tell(wording, where, value);
}

}  // namespace whosent::parse::arf
