// The answers of the daemon's own routes.
#pragma once

#include <string>
#include <utility>

#include "whosent/serve/server.hpp"

namespace whosent::app {

[[nodiscard]] inline serve::Response text_answer(unsigned status, std::string body, std::string type = "text/plain; charset=utf-8") {
    serve::Response response;
    response.status = status;
    response.type = std::move(type);
    response.body = std::move(body);
    return response;
}

}  // namespace whosent::app
