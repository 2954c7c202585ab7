const whole = await import("yaml");
process.stdout.write(`${typeof whole.parseDocument} ${typeof whole.default}\n`);
