// The for-select loop: one fiber owns a state, and everything that happens to it is a case. A
// channel that is closed becomes nil, which turns its case off; `continue` and `return` mean what
// they say.
#include <cstdio>
#include <optional>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/main.h"

struct Account {
  weft::Chan<int> deposits = weft::MakeChan<int>();
  weft::Chan<int> withdrawals = weft::MakeChan<int>();
  weft::Chan<weft::Chan<int>> queries = weft::MakeChan<weft::Chan<int>>();
};

void Serve(Account account) {
  int balance = 0;
  while (account.deposits || account.withdrawals) {
    std::optional<int> amount;
    std::optional<weft::Chan<int>> reply;
    switch (weft::Select(weft::OnRecv(account.deposits, &amount),
                         weft::OnRecv(account.withdrawals, &amount),
                         weft::OnRecv(account.queries, &reply))) {
      case 0:
        if (!amount) {
          account.deposits = nullptr;
          continue;
        }
        balance += *amount;
        break;
      case 1:
        if (!amount) {
          account.withdrawals = nullptr;
          continue;
        }
        balance -= *amount;
        break;
      case 2:
        if (!reply) return;
        reply->Send(balance);
        break;
    }
  }
  std::printf("closed with %d\n", balance);
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    Account account;
    auto done = weft::MakeChan<weft::Empty>();
    weft::Go([=] {
      Serve(account);
      done.Close();
    });

    account.deposits.Send(100);
    account.withdrawals.Send(30);
    auto reply = weft::MakeChan<int>();
    account.queries.Send(reply);
    std::printf("balance %d\n", *reply.Recv());

    account.deposits.Close();
    account.withdrawals.Send(20);
    account.withdrawals.Close();
    done.Recv();
  });
}

// Output:
// balance 70
// closed with 50
