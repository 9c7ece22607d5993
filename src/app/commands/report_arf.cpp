#include "app/cells.hpp"
#include "app/commands/report_head.hpp"

namespace whosent::app {

Result<Exit> show_arf(Context& context, const store::ArfDetail& detail, Format format) {
    const auto columns = arf_columns(ArfView::failures);
    auto cells = arf_cells(detail.row);
    if (format == Format::csv) {
        Listing listing(context.output, format, columns);
        listing.add(std::move(cells));
        listing.end();
        return Exit::done;
    }
    ReportHead head;
    for (std::size_t i = 0; i < columns.size(); ++i) head.add(columns[i].name, std::move(cells[i]));
    head.add("containers", detail.containers);
    head.add_diagnostics(detail);
    if (format == Format::json) {
        print_head_json(context.output, head);
        context.output.write("}\n");
    } else {
        print_head_table(context.output, head);
    }
    return Exit::done;
}

}  // namespace whosent::app
