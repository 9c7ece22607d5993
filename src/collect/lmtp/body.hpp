// The bytes of messages that are being received or wait to be durable, and what all of them together may take.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace whosent::collect::lmtp {

// Any thread.
class Budget {
public:
    explicit Budget(std::size_t bytes) noexcept : left_(bytes) {}
    [[nodiscard]] bool take(std::size_t bytes) noexcept;  // false: there is not so much left, and nothing was taken
    void give_back(std::size_t bytes) noexcept { left_.fetch_add(bytes, std::memory_order_relaxed); }
    [[nodiscard]] std::size_t left() const noexcept { return left_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::size_t> left_;
};

// One thread at a time writes; may go on any thread.
class Body {
public:
    explicit Body(std::shared_ptr<Budget> budget) noexcept : budget_(std::move(budget)) {}
    ~Body() { budget_->give_back(share_); }
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;
    // Room for so many bytes at once, where the budget has it.
    void expect(std::size_t bytes) { (void)grow(bytes); }
    // False: the budget is used up, and nothing was added.
    [[nodiscard]] bool append(std::string_view piece);
    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

private:
    [[nodiscard]] bool grow(std::size_t capacity);

    std::shared_ptr<Budget> budget_;
    std::string bytes_;
    std::size_t share_ = 0;  // of the budget: what bytes_ has allocated
};

}  // namespace whosent::collect::lmtp
