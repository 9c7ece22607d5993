#include "mend.hpp"

#include <vector>

#include "scan.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse {
namespace {

class Mender {
public:
    Mender(std::string_view text, Element section, std::size_t max_depth, const RepairSet& switched_off, Notes& notes, std::string& out)
        : scanner_(text), section_(section), max_depth_(max_depth), switched_off_(switched_off), notes_(notes), out_(out) {}

    bool run(SectionEnd end) {
        out_.clear();
        const std::string_view text = scanner_.text();
        std::size_t at = 0;
        while (at < text.size() && allowed_) {
            std::size_t next = scanner_.next(at);
            if (next == std::string_view::npos) next = text.size();
            append_text(text.substr(at, next - at));
            if (next == text.size()) break;
            at = append_markup(scanner_.at(next));
        }
        if (end == SectionEnd::cut && !stack_.empty() && stack_.back().element.leaf) {
            out_.resize(stack_.back().out_begin);
            stack_.pop_back();
        }
        if (end == SectionEnd::cut) {
            while (!stack_.empty()) close_top();
        } else {
            close_down_to(0);
        }
        return allowed_;
    }

private:
    struct Open {
        std::string_view name;  // local
        Element element;
        std::size_t out_begin = 0;
        int as_text = 0;  // tags in it that were taken for text
    };

    void use(Repair repair, Code code, std::string_view value = {}) {
        if (switched_off_.contains(repair)) allowed_ = false;
        notes_.add(code, stack_.empty() ? section_.field : stack_.back().element.field, value);
    }

    void append_text(std::string_view text) {
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t ampersand = std::min(text.find('&', at), text.size());
            out_.append(text.substr(at, ampersand - at));
            if (ampersand == text.size()) return;
            if (entity_length(text, ampersand) > 0) {
                out_ += '&';
            } else {
                use(Repair::raw_ampersand, Code::raw_ampersand);
                out_ += "&amp;";
            }
            at = ampersand + 1;
        }
    }

    void append_as_text(const Tag& tag) {
        use(Repair::raw_angle, Code::raw_angle);
        out_ += "&lt;";
        append_text(scanner_.text().substr(tag.begin + 1, tag.end - tag.begin - 1));
    }

    // Returns where to go on.
    std::size_t append_markup(Tag tag) {
        switch (tag.kind) {
            case Markup::open: open(tag); break;
            case Markup::close: close(tag); break;
            case Markup::cdata: out_.append(scanner_.text().substr(tag.begin, tag.end - tag.begin)); break;
            case Markup::stray_close: use(Repair::stray_close, Code::stray_close); break;
            case Markup::text:
            case Markup::incomplete:
                tag.end = tag.begin + 1;
                append_as_text(tag);
                break;
            case Markup::comment:
            case Markup::instruction:
            case Markup::doctype: break;
        }
        return tag.end;
    }

    void open(const Tag& tag) {
        const std::string_view name = local_name(tag.name);
        Element element = stack_.empty() ? section_ : Element{};
        if (!stack_.empty()) {
            // The innermost open element that may hold this one: what is open below it was never closed.
            for (std::size_t i = stack_.size(); i-- > 0;) {
                element = child_of(stack_[i].element.field, name);
                if (element.field == Field::extension) continue;
                close_down_to(i + 1);
                break;
            }
            if (element.field == Field::extension && stack_.back().element.leaf) {
                ++stack_.back().as_text;
                append_as_text(tag);
                return;
            }
        }
        if (stack_.size() >= max_depth_) {
            notes_.add(Code::limit, section_.field, "elements are nested deeper than the limit xml_depth");
            allowed_ = false;
            return;
        }
        stack_.push_back({name, element, out_.size(), 0});
        out_ += '<';
        out_ += name;
        if (attributes_well_formed(tag.attributes)) {
            out_ += tag.attributes;
        } else {
            use(Repair::broken_attribute, Code::broken_attribute, name);
        }
        out_ += '>';
        if (tag.self_closing) close_top();
    }

    void close(const Tag& tag) {
        const std::string_view name = local_name(tag.name);
        for (std::size_t i = stack_.size(); i-- > 0;) {
            if (stack_[i].name != name) continue;
            close_down_to(i + 1);
            close_top();
            return;
        }
        if (!stack_.empty() && stack_.back().as_text > 0) {
            --stack_.back().as_text;
            append_as_text(tag);
            return;
        }
        use(Repair::stray_close, Code::stray_close, name);
    }

    void close_top() {
        out_ += "</";
        out_ += stack_.back().name;
        out_ += '>';
        stack_.pop_back();
    }

    void close_down_to(std::size_t size) {
        while (stack_.size() > size) {
            use(Repair::unclosed_element, Code::unclosed_element, stack_.back().name);
            if (stack_.back().element.leaf) {  // the line's end before the next element is not its own
                while (is_space(out_.back())) out_.pop_back();
            }
            close_top();
        }
    }

    Scanner scanner_;
    Element section_;
    std::size_t max_depth_;
    const RepairSet& switched_off_;
    Notes& notes_;
    std::string& out_;
    std::vector<Open> stack_;
    bool allowed_ = true;
};

}  // namespace

bool mend(std::string_view text, Element section, SectionEnd end, std::size_t max_depth, const RepairSet& switched_off, Notes& notes,
          std::string& out) {
    return Mender(text, section, max_depth, switched_off, notes, out).run(end);
}

}  // namespace whosent::parse
